//go:build unix && !linux

package main

func unnamedFiles(string) bool { return false }

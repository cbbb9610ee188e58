// Package packages parses the databases of package managers: it knows which files of an image
// they are, and what they say about packages and their files. It has no side effects: it converts
// the content of a file to facts, which are kept in the cache and in indexes.
//
// To add a kind of database, add a file and a row to the table in kinds.go. Input is hostile:
// everything is bounded, and unreadable data is a problem in the facts, never a panic.
package packages

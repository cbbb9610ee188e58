package ui

import (
	"bytes"
	"context"
	"embed"
	"io/fs"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/alecthomas/chroma/v2"
)

// highlightTime is the time limit for the lexer around the visible part. Lexers
// use backtracking regular expressions, which a file can exploit. A variable
// for tests.
var highlightTime = 400 * time.Millisecond

type lexer = chroma.Lexer

// The lexers are chroma's own, for the languages that are common in images. All lexers of its
// package lexers would make peel larger by 2 MB, and slow down each start.
//
//go:embed lexers/*.xml
var lexerFiles embed.FS

// lexers returns the registry of these lexers. The first call makes it.
var lexers = sync.OnceValue(func() *chroma.LexerRegistry {
	all := chroma.NewLexerRegistry()
	files, _ := fs.Glob(lexerFiles, "lexers/*.xml") // only a bad pattern is an error
	for _, file := range files {
		if l, err := chroma.NewXMLLexer(lexerFiles, file); err == nil { // a test reads them all
			all.Register(l)
		}
	}
	return all
})

// A tokenClass is the role of a word in a program.
type tokenClass uint8

const (
	plainToken tokenClass = iota
	keywordToken
	stringToken
	numberToken
	commentToken
	nameToken // of a function, a type, a tag, a key
	tokenClassCount
)

// A token is the end of a word in its piece, in bytes, and the word's class.
type token struct {
	end   int
	class tokenClass
}

// lexerFor chooses a lexer by a file's name, or else by its beginning; nil if none fits.
func lexerFor(name string, head []byte) (l chroma.Lexer) {
	defer func() { // matching hostile text may panic
		if recover() != nil {
			l = nil
		}
	}()
	if l = lexers().Match(name); l == nil {
		l = lexerByContent(head)
	}
	if l == nil || l.Config().Name == "plaintext" || l.Config().Name == "fallback" {
		return nil
	}
	return chroma.Coalesce(l)
}

// beginnings match the starts of texts whose names don't identify them, with
// the names of their lexers. Chroma's own detection takes most plain texts for
// some language.
var beginnings = []struct{ head, lexer string }{
	{"<?xml", "xml"},
	{"<!DOCTYPE html", "html"},
	{"<!doctype html", "html"},
	{"<html", "html"},
	{"<?php", "php"},
	{"{\n", "json"},
	{`{"`, "json"},
	{`[{"`, "json"},
	{"diff --git ", "diff"},
	{"---\n", "yaml"},
}

// lexerByContent chooses a lexer by a script's interpreter, or by the beginning of a text; nil if
// none fits.
func lexerByContent(head []byte) chroma.Lexer {
	if name, ok := interpreterOf(head); ok {
		return lexers().Get(strings.TrimRight(name, "0123456789."))
	}
	for _, b := range beginnings {
		if bytes.HasPrefix(head, []byte(b.head)) {
			return lexers().Get(b.lexer)
		}
	}
	return nil
}

// highlight finds the tokens of consecutive pieces. Pieces that the lexer does
// not finish in time, or fails on, have none. The first pieces may be inside a
// comment whose start the lexer has not seen.
func highlight(ctx context.Context, l chroma.Lexer, rows []piece) {
	defer func() { _ = recover() }() // chroma's iterators report errors by panicking
	var text []byte
	for _, p := range rows {
		text = append(text, p.text...)
		if p.ends {
			text = append(text, '\n')
		}
	}
	next, err := l.Tokenise(&chroma.TokeniseOptions{State: "root"}, string(text))
	if err != nil {
		return
	}
	deadline := time.Now().Add(highlightTime)
	row, at := 0, 0 // the row's next byte; its line feed counts too
	for n, t := 0, next(); t != chroma.EOF; n, t = n+1, next() {
		if n%64 == 0 && (ctx.Err() != nil || time.Now().After(deadline)) {
			return
		}
		class := classOf(t.Type)
		for _, r := range t.Value {
			for row < len(rows) && at == len(rows[row].text) && !rows[row].ends {
				row, at = row+1, 0
			}
			if row == len(rows) {
				return
			}
			p := &rows[row]
			if at == len(p.text) {
				if r != '\n' {
					return // the lexer changed the text
				}
				row, at = row+1, 0
				continue
			}
			is, size := utf8.DecodeRune(p.text[at:])
			if is != r {
				return
			}
			at += size
			if k := len(p.tokens); k > 0 && p.tokens[k-1].class == class {
				p.tokens[k-1].end = at
			} else {
				p.tokens = append(p.tokens, token{at, class})
			}
		}
	}
}

func classOf(t chroma.TokenType) tokenClass {
	switch {
	case t.InCategory(chroma.Comment):
		return commentToken
	case t.InCategory(chroma.Keyword), t == chroma.NameBuiltin, t == chroma.OperatorWord, t == chroma.GenericHeading:
		return keywordToken
	case t.InSubCategory(chroma.LiteralNumber):
		return numberToken
	case t.InCategory(chroma.Literal):
		return stringToken
	}
	switch t {
	case chroma.NameFunction, chroma.NameClass, chroma.NameTag, chroma.NameAttribute, chroma.NameDecorator,
		chroma.NameNamespace, chroma.NameFunctionMagic, chroma.NameProperty, chroma.GenericSubheading:
		return nameToken
	}
	return plainToken
}

// painted returns the paint of a piece's tokens.
func (s *styles) painted(p *piece) paint {
	k := 0
	return func(i int) (style, int) {
		for k < len(p.tokens) && p.tokens[k].end <= i {
			k++
		}
		if k == len(p.tokens) {
			return s.text, len(p.text) + 1
		}
		return s.code[p.tokens[k].class], p.tokens[k].end
	}
}

// Package packages knows what the databases of package managers look like: which
// files of an image they are, and what they say of packages and of the files that
// these own. It is pure: it gets the content of a file and returns what that says,
// as facts that are kept in the cache and in indexes.
//
// A kind of database is one file and one row of the table in kinds.go. Input is
// hostile: everything is bounded, and what cannot be read is a problem in the facts,
// never a panic.
package packages

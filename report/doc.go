// Package report writes what is known of an image as text and as an HTML page
// for people, and as JSON for programs. It is pure: an analysis goes in, bytes
// come out, and the same analysis always gives the same bytes.
//
// Text is for terminals and logs: it fits 80 columns, and nothing that an image
// says (names, commands, labels) reaches it raw. JSON is described, with its
// schema, in docs/json.md, the HTML page in docs/html.md.
package report

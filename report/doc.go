// Package report writes an analysis of an image, and the verdict of a check: as
// text for people, as JSON for programs, as Markdown for comments, as an HTML page,
// and in the formats that pipelines show (JUnit, SARIF, GitHub's and GitLab's). It is
// pure: an analysis goes in, bytes come out, and the same analysis always gives the
// same bytes. It also reads a JSON report back, to compare a later image with it.
//
// Text is for terminals and logs (see Layout), and nothing that an image says (names,
// commands, labels) reaches it raw, nor any other form in which it would be more than
// text. JSON is described, with its schemas, in docs/json.md; the
// page in docs/html.md, the other formats in docs/ci.md.
package report

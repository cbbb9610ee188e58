// Package report writes an analysis of an image, and the verdict of a check: as text for people,
// JSON for programs, Markdown for comments, an HTML page, and in the formats that pipelines show
// (JUnit, SARIF, GitHub's and GitLab's). It has no side effects, and the same analysis always
// gives the same bytes. It also reads a JSON report, to compare a later image with it.
//
// Text is for terminals and logs (see Layout). Text from an image (names, commands, labels) is
// never written raw in any format in which it could be more than text. docs/json.md describes
// JSON and its schemas, docs/html.md the page, and docs/ci.md the other formats.
package report

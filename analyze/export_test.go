package analyze

// AppendFolded is for the tests of folding.
var AppendFolded = appendFolded

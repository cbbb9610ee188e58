// Package fleet says what many images come to: a registry, or all that a team has.
//
// The work is done in steps, each of them a command, and each may be spread over any
// number of machines that share nothing but an object store:
//
//	plan     lists images and their unique layers           one process; a file of NDJSON
//	index    reads each unique layer once                   shard I of N
//	analyze  works out each image's figures from indexes    shard I of N
//	report   sums up                                        one process
//
// # Layout of a store
//
// A store is a folder, or a prefix in a bucket. Every object is put only if it is not
// there, and its content follows from its name: a shard that died is run again, and two
// that do the same write the same.
//
//	peel-fleet                            the line "peel fleet store 1"
//	plans/PLAN.ndjson                     a plan; PLAN is the first 16 digits of its SHA-256
//	layers/sha256/HEX.parquet             table files: a layer's entries and facts
//	failed/sha256/HEX.json                why a layer cannot be read
//	failed/images/HEX.json                why an image cannot be described
//	manifests/sha256/HEX                  a manifest, as it is stored in the registry
//	configs/sha256/HEX                    a config
//	descriptions/HEX.json                 an image without its layers' entries; HEX is of ImageKey
//	tables/images/plan=PLAN/NNNNNN.parquet         one row an image
//	tables/image_layers/plan=PLAN/NNNNNN.parquet   one row a layer of an image
//	tables/layers/plan=PLAN/NNNNNN.parquet         one row a unique layer
//	tables/findings/plan=PLAN/NNNNNN.parquet       one row a finding of an image
//	tables/packages/plan=PLAN/NNNNNN.parquet       one row a package of an image
//
// NNNNNN is a part of a plan: PartImages images in a row, whichever shard has worked on
// them. Of a part, the file of images is put last: once that is there, all are. A unique
// layer stands in the part of the first image that has it.
package fleet

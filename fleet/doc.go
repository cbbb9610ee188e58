// Package fleet analyses many images, such as those of a registry or of a team, and sums
// them up.
//
// The work has steps, each of them a command. Any number of machines can share a step; all
// that they have in common is an object store:
//
//	plan     lists images and their unique layers           one process; a file of NDJSON
//	index    reads each unique layer once                   shard I of N
//	analyze  computes each image's figures from indexes     shard I of N
//	report   sums up                                        one process
//
// # Layout of a store
//
// A store is a folder, or a prefix in a bucket. An object is stored only if it doesn't exist
// yet, and its name determines its content. So a shard that died can run again, and two
// shards that do the same work store the same objects.
//
//	peel-fleet                            the line "peel fleet store 1"
//	plans/PLAN.ndjson                     a plan; PLAN is the first 16 digits of its SHA-256
//	layers/sha256/HEX.parquet             table files: a layer's entries and facts
//	failed/sha256/HEX.json                why a layer can't be read
//	failed/images/HEX.json                why an image can't be described
//	manifests/sha256/HEX                  a manifest, as stored in the registry
//	configs/sha256/HEX                    a config
//	descriptions/HEX.json                 an image without its layers' entries; HEX is of ImageKey
//	tables/images/plan=PLAN/NNNNNN.parquet         one row per image
//	tables/image_layers/plan=PLAN/NNNNNN.parquet   one row per layer of an image
//	tables/layers/plan=PLAN/NNNNNN.parquet         one row per unique layer
//	tables/findings/plan=PLAN/NNNNNN.parquet       one row per finding of an image
//	tables/packages/plan=PLAN/NNNNNN.parquet       one row per package of an image
//
// NNNNNN is a part of a plan: PartImages images in a row, no matter which shard worked on
// them. The file of images of a part is stored last: once it exists, all files of the part
// do. A unique layer is in the part of the first image that has it.
package fleet

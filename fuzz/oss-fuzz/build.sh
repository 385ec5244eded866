#!/usr/bin/env bash
# Builds every fuzz target and its seeds into $OUT, as OSS-Fuzz expects. Runs in the folder of the source.
set -euo pipefail

cargo fuzz build -O --debug-assertions
built=fuzz/target/x86_64-unknown-linux-gnu/release
for source in fuzz/fuzz_targets/*.rs; do
    target=$(basename "$source" .rs)
    cp "$built/$target" "$OUT/"
    seeds=$(mktemp -d)
    "$built/seeds" "$target" "$seeds" tests/data/*.pcap tests/data/*.pcapng
    [ ! -d "tests/data/fuzz/$target" ] || cp "tests/data/fuzz/$target"/* "$seeds/"
    (cd "$seeds" && find . -type f -print0 | xargs -0 zip -q -j "$OUT/${target}_seed_corpus.zip")
    rm -r "$seeds"
done

#!/bin/sh
# Compile the ranges of pyproject.toml into exact versions with the hashes of all their files, for Python 3.11 and later on
# any platform. Called by `make pins`; the arguments say what is upgraded, and without any, what still fits stays.
set -eu
cd "$(dirname "$0")/.."

compile() {
  output=$1
  shift
  # The address of the index belongs to the machine, not to the repository: pip's configuration names it.
  uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
    --custom-compile-command "make pins" --output-file "requirements/$output" "$@"
}

compile build.txt --group build "$@"
compile image.txt pyproject.toml --extra operator "$@"
# The tests run with the versions that the image has, and with the packages that the wheel is built by.
compile dev.txt pyproject.toml --extra operator --extra postgresql --extra mariadb --extra redis --extra mongodb --extra etcd --extra zookeeper --extra rethinkdb --group dev --constraint requirements/image.txt --constraint requirements/build.txt "$@"
# The example of an image with one's own tasks installs the same pip and the same build backend.
cp requirements/build.txt own-image/requirements.txt

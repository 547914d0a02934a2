#!/usr/bin/env bash
SUITE=performance
WORDS='Runs the performance suite: throughput, latency, resources and scaling, by measuring.'
ARGUMENT=''
DETAILS='It measures, and wants the machine for itself.'
# shellcheck source=tests/scripts/common.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

take '' "$@"
prepare
JOBS=1
run_pytest "$SUITE" -m performance tests

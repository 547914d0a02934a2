#!/usr/bin/env bash
SUITE=unit
WORDS='Runs the unit tests.'
ARGUMENT=''
# shellcheck source=tests/scripts/common.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

take '' "$@"
prepare
run_pytest "$SUITE" tests/unit

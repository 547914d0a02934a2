#!/usr/bin/env bash
SUITE=chaos
WORDS='Runs the chaos suite: each kind of chaos for a second, or the long one.'
ARGUMENT='short|long'
DETAILS='short (unless said otherwise): half a minute; long: each kind for half a minute, by the clock
too, and hundreds of thousands of tasks under kills; a quarter of an hour.'
# shellcheck source=tests/scripts/common.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

take 'short long' "$@"
prepare
if [[ $CHOSEN == long ]]; then
    JOBS=1
    run_pytest "$SUITE-long" -m chaos tests/chaos
else
    run_pytest "$SUITE" -m 'not chaos' tests/chaos
fi

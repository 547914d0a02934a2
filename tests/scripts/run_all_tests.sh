#!/usr/bin/env bash
SUITE=all
WORDS='Runs the unit, integration, chaos and performance suites, one after another, all to the end.'
ARGUMENT=''
DETAILS='Each has reports of its own; all.txt has a line for each.'
# shellcheck source=tests/scripts/common.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

take '' "$@"
prepare
failed=0
cannot_run=0
: >"$REPORTS/$SUITE.txt"
for suite in unit integration chaos performance; do
    "$(dirname -- "${BASH_SOURCE[0]}")/run_${suite}_tests.sh"
    code=$?
    case $code in
        0) word=passed ;;
        1)
            word=FAILED
            failed=1
            ;;
        *)
            word='CANNOT RUN'
            cannot_run=1
            ;;
    esac
    printf '%s: %s\n' "$suite" "$word" >>"$REPORTS/$SUITE.txt"
done
cat "$REPORTS/$SUITE.txt"
if ((failed)); then
    exit 1
fi
exit $((2 * cannot_run))

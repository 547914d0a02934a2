# shellcheck shell=bash
# What the run_*.sh scripts share; sourced, never run. Each names its suite before:
#   SUITE    its name, which its reports are called by
#   WORDS    what it runs, in a sentence
#   ARGUMENT what it takes besides options, for its help; empty for nothing

set -uo pipefail

CALLED=${0##*/}
ROOT=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
REPORTS=${REPORTS:-$ROOT/artifacts/reports}
PYTHON=${PYTHON:-python3}

usage() {
    cat <<EOF
usage: $CALLED [--help]${ARGUMENT:+ [$ARGUMENT]}

$WORDS
${DETAILS:+
$DETAILS
}
Environment:
  PYTHON   the interpreter that poolcheck is installed in (python3)
  JOBS     processes that run tests beside each other (1)
  REPORTS  where the reports go (artifacts/reports)
  POOLCHECK_<LAYER>_<KEY>  overrides a value of [tool.poolcheck]; each is told

Reports: $SUITE.xml (JUnit) and $SUITE.txt (the summary).
Exit codes: 0 all passed, 1 something failed, 2 it cannot run.
EOF
}

cannot() {
    printf '%s: %s\n' "$CALLED" "$1" >&2
    exit 2
}

# Takes the command line: what is none of the legal words is refused.
#   take 'WORD WORD' "$@"   leaves the word that was given in CHOSEN, empty if none was
# shellcheck disable=SC2034 # who sources this reads CHOSEN
take() {
    CHOSEN=''
    local legal=() given=() word
    read -ra legal <<<"$1"
    shift
    given=("$@")
    if ((${#given[@]} == 0)); then
        return
    fi
    case ${given[0]} in
        -h | --help)
            usage
            exit 0
            ;;
        -*) cannot "no option ${given[0]}; see $CALLED --help" ;;
    esac
    if ((${#legal[@]} == 0)); then
        cannot "takes no argument, and got '${given[0]}'; see $CALLED --help"
    fi
    if ((${#given[@]} > 1)); then
        cannot "takes one argument, and got ${#given[@]}; see $CALLED --help"
    fi
    for word in "${legal[@]}"; do
        if [[ ${given[0]} == "$word" ]]; then
            CHOSEN=$word
            return
        fi
    done
    cannot "'${given[0]}' is none of: ${legal[*]}"
}

# Makes sure that tests can run at all, and that reports can be written.
prepare() {
    command -v "$PYTHON" >/dev/null || cannot "no interpreter $PYTHON; set PYTHON"
    "$PYTHON" -c 'import pytest, machines, pool' 2>/dev/null ||
        cannot "$PYTHON cannot import poolcheck and pytest; set PYTHON, or install: pip install -e '.[test]'"
    [[ ${JOBS:-1} =~ ^[1-9][0-9]*$ ]] || cannot "JOBS='$JOBS' is no number of processes"
    mkdir -p "$REPORTS" 2>/dev/null || cannot "cannot write reports to $REPORTS"
}

# Runs pytest with what was chosen; its summary is shown and kept.
#   run_pytest NAME ARGUMENT...   the exit code is 0, 1 or 2
run_pytest() {
    local name=$1 code options=()
    shift
    if ((${JOBS:-1} > 1)); then
        options=(-n "$JOBS")
    fi
    (cd -- "$ROOT" && "$PYTHON" -m pytest -q -p no:cacheprovider ${options[@]+"${options[@]}"} \
        --junit-xml="$REPORTS/$name.xml" "$@") | tee "$REPORTS/$name.txt"
    code=${PIPESTATUS[0]}
    printf '%s: ' "$name" | tee -a "$REPORTS/$name.txt"
    case $code in
        0) echo "passed; $REPORTS/$name.xml" | tee -a "$REPORTS/$name.txt" ;;
        1)
            echo "FAILED; $REPORTS/$name.xml" | tee -a "$REPORTS/$name.txt"
            return 1
            ;;
        5)
            echo 'CANNOT RUN: no test was found' | tee -a "$REPORTS/$name.txt"
            return 2
            ;;
        *)
            echo "CANNOT RUN: pytest ended with code $code" | tee -a "$REPORTS/$name.txt"
            return 2
            ;;
    esac
}

#!/usr/bin/env bash
SUITE=integration
WORDS='Runs the integration suite: on every layer, or what runs on one of them alone.'
ARGUMENT='sim|wire|real|free'
DETAILS='With a layer: the scenarios that are written once for all layers, on that one.'
# shellcheck source=tests/scripts/common.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

take 'sim wire real free' "$@"
prepare
if [[ -z $CHOSEN ]]; then
    run_pytest "$SUITE" -m 'integration and not chaos and not fuzz and not performance' tests
else
    run_pytest "$SUITE-$CHOSEN" -k "$CHOSEN" tests/integration/test_layers.py
fi

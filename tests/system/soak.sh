#!/bin/sh
# The long form of the system tests: whole counts, deadlines as they are promised, the machine's load beside them.
#
#   tests/system/soak.sh FOLDER_OF_PROGRAMS [SUBJECT…]     subjects: requests network disk health abuse overload fleet ordeal (default: all)
#
# The ordeal (soak.py) goes on where an earlier one was interrupted, in LINNET_SOAK_FOLDER (default build/soak);
# LINNET_SOAK_TIMES repeats it. Remove that folder to begin anew.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
programs=$(cd "$1" && pwd)
shift
[ $# -gt 0 ] || set -- requests network disk health abuse overload fleet ordeal
export LINNET_SOAK=1 LINNET_SOURCE="$here/../.." LINNET_BIN="$programs/linnet" LINNETD_BIN="$programs/linnetd"
export LINNET_FAULT_PRELOAD="$programs/../tests/system/liblinnet_fault_preload.so"
failed=0
for subject in "$@"; do
  echo "== $subject, load $(cut -d ' ' -f 1-3 /proc/loadavg)"
  case $subject in
    ordeal) set -- "$here/soak.py" --folder "${LINNET_SOAK_FOLDER:-$here/../../build/soak}" --times "${LINNET_SOAK_TIMES:-1}" ;;
    *) set -- "$here/${subject}_test.py" ;;
  esac
  /usr/bin/python3 -B "$@" || failed=1
done
echo "== load $(cut -d ' ' -f 1-3 /proc/loadavg); $([ $failed = 0 ] && echo all passed || echo FAILED)"
exit $failed

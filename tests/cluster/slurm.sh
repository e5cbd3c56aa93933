#!/usr/bin/env bash
# The Slurm job of docs/CLUSTER.md, for real, on this machine alone: a controller, a node and munge of our own in a temporary folder, an array of
# three tasks with the sample recordings under many names, one task killed with SIGKILL in its middle and requeued, a merge, and a comparison with one
# run, byte for byte. Needs slurmctld, slurmd and munged (apt-get install slurm-wlm munge); works as root and as anyone else.
#
#   tests/cluster/slurm.sh [ECAPA...]     the command to run; without it: the Release build of this checkout
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
repository=$PWD
if [ $# -gt 0 ]; then
  ecapa=("$@")
else
  dotnet build -c Release -v quiet -nologo src/EcapaIlgpu.Cli
  ecapa=(dotnet exec "$repository/src/EcapaIlgpu.Cli/bin/Release/net10.0/ecapa.dll")
fi
for tool in slurmctld slurmd munged sbatch; do
  command -v "$tool" >/dev/null || PATH=$PATH:/usr/sbin:/sbin command -v "$tool" >/dev/null ||
    { echo "slurm.sh: there is no $tool; apt-get install slurm-wlm munge"; exit 1; }
done
export PATH=$PATH:/usr/sbin:/sbin

work=$(mktemp -d)
started=()
finish() {
  status=$?
  trap - EXIT
  if [ "$status" -ne 0 ]; then
    tail -n 30 "$work"/log/* "$work"/job/*.out 2>/dev/null || true
    echo "slurm.sh: failed"
  fi
  for ((i = ${#started[@]} - 1; i >= 0; i--)); do
    kill "${started[i]}" 2>/dev/null && wait "${started[i]}" 2>/dev/null || true
  done
  rm -rf "$work"
  exit "$status"
}
trap finish EXIT
fail() { echo "slurm.sh: $*"; exit 1; }

# until_true SECONDS WHAT COMMAND...: waits for a command to succeed.
until_true() {
  local seconds=$1 what=$2
  shift 2
  for ((i = 0; i < seconds * 10; i++)); do
    "$@" >/dev/null 2>&1 && return
    sleep 0.1
  done
  fail "$what: not within $seconds s"
}

free_port() {
  local port
  while port=$((20000 + RANDOM)); do
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
  done
}

mkdir -p "$work"/{log,state,spool,job,run}
# munged refuses a socket that others could not reach, and a key that others could read.
chmod 755 "$work" "$work/run"
(umask 077 && head -c 1024 /dev/urandom > "$work/munge.key")
node=$(hostname -s)
controller_port=$(free_port) node_port=$(free_port)
cat > "$work/slurm.conf" <<CONF
ClusterName=ecapa
SlurmctldHost=$node(127.0.0.1)
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
SlurmctldPort=$controller_port
SlurmdPort=$node_port
AuthType=auth/munge
# A requeued task may start again as soon as its last credential has expired: after 120 s as Slurm is shipped.
AuthInfo=socket=$work/run/munge,cred_expire=5
StateSaveLocation=$work/state
SlurmdSpoolDir=$work/spool
SlurmctldPidFile=$work/run/slurmctld.pid
SlurmdPidFile=$work/run/slurmd.pid
SlurmctldLogFile=$work/log/slurmctld
SlurmdLogFile=$work/log/slurmd
# What needs no cgroups and no privileges, so that it runs in a container too.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=batch_sched_delay=0,sched_interval=1
SlurmdParameters=config_overrides
ReturnToService=2
KillWait=1
NodeName=$node NodeAddr=127.0.0.1 CPUs=4 RealMemory=1000 State=UNKNOWN
PartitionName=all Nodes=$node Default=YES MaxTime=INFINITE State=UP
CONF
export SLURM_CONF=$work/slurm.conf

munged --foreground --force --key-file="$work/munge.key" --socket="$work/run/munge" --pid-file="$work/run/munged.pid" \
  --log-file="$work/log/munged" --seed-file="$work/run/munged.seed" >"$work/log/munged.out" 2>&1 &
started+=($!)
until_true 10 "munged" test -S "$work/run/munge"
slurmctld -D >"$work/log/slurmctld.out" 2>&1 &
started+=($!)
slurmd -D -N "$node" >"$work/log/slurmd.out" 2>&1 &
started+=($!)
is_idle() { [ "$(sinfo -h -o %T)" = idle ]; }
until_true 30 "a node that is idle" is_idle

# 900 names for the eight samples: long enough for a task to be killed in the middle, short enough to wait for.
model=$repository/tests/testdata/models/wespeaker_tiny_glob.pt
for i in $(seq -w 900); do
  files=("$repository"/tests/testdata/samples/*.wav)
  echo "utt$i ${files[10#$i % ${#files[@]}]}"
done > "$work/job/wav.scp"
cat > "$work/job/embed.sbatch" <<JOB
#!/bin/bash
#SBATCH --array=1-3 --requeue --open-mode=append --output=part-%a.out
exec ${ecapa[*]@Q} embed --scp wav.scp -o "part-\$SLURM_ARRAY_TASK_ID.npy" --resume --threads 1 --device cpu --model '$model'
JOB

cd "$work/job"
job=$(sbatch --parsable embed.sbatch)
half_written() { [ "$(wc -l < .part-2.npy.journal.partial)" -gt 40 ]; }
until_true 60 "rows of task 2" half_written
# As the kernel's out-of-memory killer would. The batch script is this very process.
task2=$(scontrol show job "${job}_2" -o | sed -nE 's/.* JobId=([0-9]+) .*|^JobId=([0-9]+) .*/\1\2/p')
pids=$(scontrol listpids "$task2" 2>/dev/null | awk -v job="$task2" '$2 == job && $1 > 0 { print $1 }')
victim=$(for pid in $pids; do tr '\0' ' ' < "/proc/$pid/cmdline" | grep -q ' embed --scp' && echo "$pid"; done | head -n 1)
[ -n "$victim" ] || fail "no process of task 2 found"
kill -KILL "$victim"
failed_state() { scontrol show job "$task2" -o | grep -q 'JobState=FAILED'; }
until_true 30 "task 2 to be seen as failed" failed_state
done_before=$(($(wc -l < .part-2.npy.journal.partial) - 1))
[ ! -e part-2.npy ] || fail "a killed task left its output under the final name"
scontrol requeue "$task2"
echo "task 2 killed after $done_before files and requeued"

all_over() { [ -z "$(squeue -h)" ]; }
until_true 180 "the array to end" all_over
cat part-*.out
grep -q "shard 2/3 (from SLURM_ARRAY_TASK_ID): 300 of 900 files" part-2.out || fail "task 2 did not take its shard from Slurm"
grep -q "resuming: $done_before of " part-2.out || fail "task 2 did not go on after the $done_before files that were done"
for i in 1 2 3; do [ -e "part-$i.npy" ] || fail "task $i wrote nothing"; done

"${ecapa[@]}" merge all.npy part-*.npy
mkdir one && "${ecapa[@]}" embed --scp wav.scp -o one/all.npy --device cpu --model "$model"
for file in all.npy all.txt all.npy.journal; do cmp "$file" "one/$file" || fail "$file differs from that of one run"; done
echo "slurm.sh: passed: three tasks, one of them killed, gave the bytes of one run"

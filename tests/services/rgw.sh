#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs a throw-away Ceph object gateway for tests: S3 that checks signatures and keeps versions, and STS.
set -euo pipefail

usage() {
  cat <<'USAGE'
usage: rgw.sh start FOLDER S3_PORT MON_PORT
       rgw.sh stop FOLDER

start  boots a monitor, an object store in memory and the gateway below FOLDER, which must not hold anything else, and
       prints, once the gateway answers, one line: ENDPOINT ACCESS_KEY SECRET_KEY ROLE_ARN. S3 and STS are at the same
       endpoint, buckets in the path. The role may be taken on by the key, and may do everything with S3.
       Takes about 12 s and 130 MB. Other ports that Ceph opens are on loopback, too.
stop   ends what `start` has started, and waits until it is gone.

Needs the Debian packages radosgw ceph-mon ceph-osd ceph-common. Nothing it keeps survives a stop.
USAGE
}

readonly ACCESS_KEY=AKIATEST SECRET_KEY=test-secret ROLE=backup

# One monitor and one store are enough for a gateway; a manager, which Ceph wants for statistics, is not needed.
write_configuration() { # FOLDER S3_PORT MON_PORT FSID
  cat >"$1/ceph.conf" <<CONF
[global]
fsid = $4
mon host = [v2:127.0.0.1:$3]
public addr = 127.0.0.1
keyring = $1/keyring
run dir = $1/run
admin socket = $1/run/\$name.\$pid.asok
log file = $1/log/\$name.log
pid file = $1/run/\$name.pid
mon data = $1/mon
osd data = $1/osd
osd pool default size = 1
osd pool default min size = 1
osd crush chooseleaf type = 0
mon allow pool size one = true
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
osd objectstore = memstore
memstore device bytes = 4294967296
enable experimental unrecoverable data corrupting features = *
auth allow insecure global id reclaim = false
rgw frontends = beast endpoint=127.0.0.1:$2 tcp_nodelay=1
rgw sts key = abcdefghijklmnop
rgw s3 auth use sts = true
CONF
}

start_monitor() { # FOLDER MON_PORT FSID
  ceph-authtool --create-keyring "$1/keyring" --gen-key -n mon. --cap mon 'allow *'
  ceph-authtool "$1/keyring" --gen-key -n client.admin --cap mon 'allow *' --cap osd 'allow *' --cap mgr 'allow *'
  monmaptool --create --addv a "[v2:127.0.0.1:$2]" --fsid "$3" "$1/monmap"
  ceph-mon --mkfs -i a --monmap "$1/monmap" --keyring "$1/keyring"
  ceph-mon -i a
}

start_store() { # FOLDER
  local id
  id=$(cat /proc/sys/kernel/random/uuid)
  ceph osd new "$id" # the store's own mkfs must be given this same id
  ceph auth get-or-create osd.0 mon 'allow profile osd' osd 'allow *' mgr 'allow profile osd' >>"$1/keyring"
  ceph-osd -i 0 --mkfs --osd-uuid "$id"
  ceph-osd -i 0
}

start_gateway() { # FOLDER S3_PORT
  setsid radosgw -n client.admin -f >"$1/log/gateway.out" 2>&1 </dev/null &
  local gateway=$!
  echo "$gateway" >"$1/run/gateway.pid"
  for _ in $(seq 600); do
    kill -0 "$gateway" 2>/dev/null || return 1
    if curl -s -o /dev/null -m 2 "http://127.0.0.1:$2/"; then return 0; fi
    sleep 0.1
  done
  return 1
}

make_identities() {
  radosgw-admin user create --uid=test --display-name=test --access-key="$ACCESS_KEY" --secret-key="$SECRET_KEY" \
    --caps='roles=*'
  local trust='{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["arn:aws:iam:::user/test"]},
    "Action":["sts:AssumeRole"]}]}'
  local policy='{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:*"],"Resource":"arn:aws:s3:::*"}]}'
  radosgw-admin role create --role-name="$ROLE" --assume-role-policy-doc="$trust"
  radosgw-admin role-policy put --role-name="$ROLE" --policy-name=all --policy-doc="$policy"
}

start() { # FOLDER S3_PORT MON_PORT
  local program
  for program in radosgw radosgw-admin ceph-mon ceph-osd ceph curl; do
    command -v "$program" >/dev/null ||
      { echo "rgw.sh: $program is missing; apt-get install radosgw ceph-mon ceph-osd ceph-common curl" >&2; return 1; }
  done
  mkdir -p "$1"
  local folder fsid
  folder=$(cd "$1" && pwd -P)
  fsid=$(cat /proc/sys/kernel/random/uuid)
  mkdir -p "$folder"/{mon,osd,run,log}
  write_configuration "$folder" "$2" "$3" "$fsid"
  export CEPH_CONF="$folder/ceph.conf"
  if ! {
    start_monitor "$folder" "$3" "$fsid" && start_store "$folder" && start_gateway "$folder" "$2" && make_identities
  } >"$folder/log/start.out" 2>&1 </dev/null; then
    tail -n 20 "$folder/log/start.out" >&2
    stop "$folder"
    echo "rgw.sh: the gateway did not start; see $folder/log" >&2
    return 1
  fi
  echo "http://127.0.0.1:$2 $ACCESS_KEY $SECRET_KEY arn:aws:iam:::role/$ROLE"
}

# Whether a process is one of ours: not by number alone, which may be another process's by now. A zombie, which nobody
# may be there to collect, has no command line any more.
is_ours() { # PID
  { tr "\\0" " " <"/proc/$1/cmdline"; } 2>/dev/null | grep -Eq '^(radosgw|ceph-mon|ceph-osd) '
}

stop() { # FOLDER
  local file pid
  for file in "$1"/run/*.pid; do
    [[ -e $file ]] || continue
    pid=$(cat "$file")
    is_ours "$pid" || continue
    # There is nothing to save, and a monitor's own way out takes seconds.
    kill -KILL "$pid" 2>/dev/null || continue
    for _ in $(seq 100); do
      is_ours "$pid" || break
      sleep 0.05
    done
  done
}

case "${1-}:$#" in
  start:4) start "$2" "$3" "$4" ;;
  stop:2) stop "$2" ;;
  *) usage >&2; exit 2 ;;
esac

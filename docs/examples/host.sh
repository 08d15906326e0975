#!/bin/bash
# A host of ocppd in the shell: one charging session at EVSE 1, from plug-in to plug-out.
#
#     host.sh TOKEN SECONDS      TOKEN "-": wait for a remote start
#
# It needs busctl alone. A shell can register no agent, so what is a command to the charger (remote stop, unlock) is
# refused to the CSMS; a remote start comes as a signal.
set -euo pipefail

NAME=org.everest.Ocpp
STATION=/org/everest/Ocpp
EVSE=$STATION/Evse/1
token=$1 seconds=$2
token_type=ISO14443 authorization=RFID prevalidated=false request_id=
session='' resumed='' owner=''

say() { echo "$*" >&2; }
now() { date -u +%Y-%m-%dT%H:%M:%S.%3NZ; }
evse() { busctl call $NAME $EVSE $NAME.EvseManager "$@"; }
evse_property() { busctl get-property $NAME $EVSE $NAME.EvseManager "$1" | cut -d'"' -f2; }

# -- the hardware: a meter that has counted 11 kW since the machine started, and so never runs back

energy() { awk '{ printf "%.1f", $1 * 11000 / 3600 }' /proc/uptime; }
reading() { echo "a{sv} 2 timestamp s $at energy_Wh_import a{sv} 1 total d $(energy)"; }

# -- ocppd comes, and comes back

owner_of_name() {
  busctl call org.freedesktop.DBus /org/freedesktop/DBus org.freedesktop.DBus GetNameOwner s $NAME 2>/dev/null
}

# meet: greet an ocppd that has started since we last looked. A session that goes on is resumed first, or it would be
# taken for lost; dated as the next report, because a session cannot go back in time.
meet() {
  local present known
  known=$(evse_property SessionId) || return        # starts ocppd, too
  present=$(owner_of_name) || return
  if [ -n "$known" ] && [ "$known" = "${session:-$known}" ]; then
    evse ReportSessionEvent 'a{sv}' 3 uuid s "$known" timestamp s "$at" event s SessionResumed || return
    [ -n "$session" ] || resumed=yes
    session=$known
    say "SessionResumed $session"
  fi
  evse ReportReady b true || return
  owner=$present
}

greeted() { [ -n "$owner" ] && [ "$(owner_of_name)" = "$owner" ] || meet; }

# -- reports

# report EVENT COUNT PART...: dated $at. The same uuid, event and timestamp again changes nothing, so it is repeated
# until it is on disk. busctl tells the text of an error and not its name: what ocppd takes for wrong is given up
# after a minute, as if it had been away for so long.
report() {
  local event=$1 count=$((3 + $2))
  shift 2
  for _ in {1..60}; do
    if greeted &&
      evse ReportSessionEvent 'a{sv}' $count uuid s "$session" timestamp s "$at" event s "$event" "$@"; then
      say "$event"
      return
    fi
    sleep 1
  done
  say "$event: given up"
  exit 1
}

measure() {
  local -a words
  read -ra words <<<"$(reading)"
  greeted && evse ReportPowermeter "${words[@]}" || say "a reading is lost; the next one counts"
}

# -- tokens

provided_token() {
  local count=2 more=
  [ -z "$request_id" ] || { count=3 more="request_id i $request_id"; }
  echo "a{sv} $count authorization_type s $authorization id_token a{sv} 2 value s $token type s $token_type $more"
}

# A remote start that ocppd has accepted; the cable is in, so it is taken at once.
remote_start() {
  local offer
  exec 3< <(busctl --json=short monitor --match "type='signal',sender='$NAME',member='ProvidedToken'" 2>&1)
  local monitor=$!
  read -r offer <&3                                 # it says that it listens
  say "waiting for a remote start"
  read -r offer <&3
  kill $monitor
  token=$(in_json value "$offer") token_type=$(in_json type "$offer") authorization=OCPP
  prevalidated=$(in_json prevalidated "$offer") request_id=$(in_json request_id "$offer")
}

# in_json KEY TEXT: the value of the first such key, as busctl writes it: "key":{"type":"s","data":"value"}
in_json() { sed -nE 's/.*"'"$1"'":\{"type":"[a-z]","data":"?([^"}]*)"?\}.*/\1/p' <<<"$2"; }

accepted() {
  local -a words
  read -ra words <<<"$(provided_token)"
  busctl --json=short --timeout=60 call $NAME $STATION $NAME.AuthTokenValidator ValidateToken "${words[@]}" |
    grep -q '"authorization_status":{"type":"s","data":"Accepted"}'
}

# -- the session

at=$(now)
until meet; do sleep 1; done
if [ -z "$resumed" ]; then
  session=$(cat /proc/sys/kernel/random/uuid)
  at=$(now)
  report SessionStarted 1 session_started 'a{sv}' 2 reason s EVConnected meter_value $(reading)
  [ "$token" != - ] || remote_start
  if ! [ "$prevalidated" = true ] && ! accepted; then
    say "the token is refused"
    at=$(now)
    report SessionFinished 1 session_finished 'a{sv}' 1 meter_value $(reading)
    exit 1
  fi
  at=$(now)
  report TransactionStarted 1 transaction_started 'a{sv}' 2 meter_value $(reading) id_tag $(provided_token)
fi
at=$(now)
report ChargingStarted 0
for ((passed = 0; passed < seconds; passed++)); do
  sleep 1
  at=$(now)
  measure
done
at=$(now)
report ChargingFinished 0
report TransactionFinished 1 transaction_finished 'a{sv}' 2 reason s Local meter_value $(reading)
at=$(now)
report SessionFinished 1 session_finished 'a{sv}' 1 meter_value $(reading)

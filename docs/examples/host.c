/* A host of ocppd in C: one charging session at EVSE 1, from plug-in to plug-out.
 *
 *     host TOKEN SECONDS      TOKEN "-": wait for a remote start
 *
 * It needs sd-bus alone (Debian: libsystemd-dev). The CSMS may start, stop, pause and unlock it.
 *
 *     cc -o host host.c $(pkg-config --cflags --libs libsystemd)
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>
#include <systemd/sd-id128.h>
#include <time.h>

#define NAME "org.everest.Ocpp"
#define STATION "/org/everest/Ocpp"
#define EVSE_ID 1
#define EVSE STATION "/Evse/1"
#define EVSE_MANAGER NAME ".EvseManager"
#define AGENT_PATH "/host"
#define AGENT NAME ".Agent.EvseManager"
#define SECOND 1000000ULL

struct report {
    const char *event, *part; /* part: what it brings along, with a reading; NULL: nothing */
    char at[32], reason[32];  /* reason may be empty */
    double wh;
    int with_token;
};

enum state { AWAY, PLUGGED_IN, VALIDATING, CHARGING, ENDING };

static sd_bus *bus;
static sd_event *event_loop;
static struct report unreported[32]; /* a session has fewer; a product keeps them on disk */
static unsigned first, count;
static int in_flight, paused, result;
static enum state state;
static char owner[64], session[37], stop_reason[32];
static const char *token_id;     /* of a card; NULL: of a remote start */
static sd_bus_message *offered;  /* ProvidedToken of a remote start */
static int seconds_left;

/* -- the hardware: a meter that has counted 11 kW since the machine started, and so never runs back */

static double energy_wh(void) {
    struct timespec up;
    clock_gettime(CLOCK_BOOTTIME, &up);
    return ((double)up.tv_sec + (double)up.tv_nsec / 1e9) * 11000 / 3600;
}

static void now(char at[32]) {
    struct timespec t;
    struct tm utc;
    char date[24];
    clock_gettime(CLOCK_REALTIME, &t);
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", gmtime_r(&t.tv_sec, &utc));
    snprintf(at, 32, "%s.%03uZ", date, (unsigned)(t.tv_nsec / 1000000) % 1000);
}

/* -- reports */

/* What ocppd will not take however often it is told; everything else is worth another try. */
static int is_final(const sd_bus_error *error) {
    static const char *const names[] = {
        NAME ".Error.InvalidArgument", NAME ".Error.UnknownEvse", NAME ".Error.UnknownSession",
        NAME ".Error.AccessDenied", SD_BUS_ERROR_ACCESS_DENIED, SD_BUS_ERROR_NOT_SUPPORTED,
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (sd_bus_error_has_name(error, names[i]))
            return 1;
    return 0;
}

static int open_entry(sd_bus_message *m, const char *key) {
    int r = sd_bus_message_open_container(m, 'e', "sv");
    if (r >= 0)
        r = sd_bus_message_append(m, "s", key);
    if (r >= 0)
        r = sd_bus_message_open_container(m, 'v', "a{sv}");
    return r;
}

static int close_entry(sd_bus_message *m) {
    int r = sd_bus_message_close_container(m);
    return r < 0 ? r : sd_bus_message_close_container(m);
}

/* The token as ValidateToken and id_tag have it: a{sv}. */
static int append_token(sd_bus_message *m) {
    if (token_id)
        return sd_bus_message_append(m, "a{sv}", 2, "authorization_type", "s", "RFID", "id_token",
                                     "a{sv}", 2, "value", "s", token_id, "type", "s", "ISO14443");
    sd_bus_message_rewind(offered, 1);
    return sd_bus_message_copy(m, offered, 1);
}

static int append_report(sd_bus_message *m, const struct report *it) {
    int r = sd_bus_message_open_container(m, 'a', "{sv}");
    if (r >= 0)
        r = sd_bus_message_append(m, "{sv}{sv}{sv}", "uuid", "s", session, "timestamp", "s", it->at,
                                  "event", "s", it->event);
    if (r >= 0 && it->part) {
        r = open_entry(m, it->part);
        if (r >= 0)
            r = sd_bus_message_open_container(m, 'a', "{sv}");
        if (r >= 0)
            r = sd_bus_message_append(m, "{sv}", "meter_value", "a{sv}", 2, "timestamp", "s", it->at,
                                      "energy_Wh_import", "a{sv}", 1, "total", "d", it->wh);
        if (r >= 0 && it->reason[0])
            r = sd_bus_message_append(m, "{sv}", "reason", "s", it->reason);
        if (r >= 0 && it->with_token) {
            r = open_entry(m, "id_tag");
            if (r >= 0)
                r = append_token(m);
            if (r >= 0)
                r = close_entry(m);
        }
        if (r >= 0)
            r = sd_bus_message_close_container(m);
        if (r >= 0)
            r = close_entry(m);
    }
    return r < 0 ? r : sd_bus_message_close_container(m);
}

static int on_reported(sd_bus_message *reply, void *userdata, sd_bus_error *ret);

/* One report at a time, until ocppd has it on disk. */
static void deliver(void) {
    sd_bus_message *m = NULL;
    if (in_flight || !count || !owner[0])
        return;
    int r = sd_bus_message_new_method_call(bus, &m, NAME, EVSE, EVSE_MANAGER, "ReportSessionEvent");
    if (r >= 0)
        r = append_report(m, &unreported[first]);
    if (r >= 0)
        r = sd_bus_call_async(bus, NULL, m, on_reported, NULL, 10 * SECOND);
    in_flight = r >= 0; /* else the next tick tries again */
    sd_bus_message_unref(m);
}

static int on_reported(sd_bus_message *reply, void *userdata, sd_bus_error *ret) {
    const sd_bus_error *error = sd_bus_message_get_error(reply);
    in_flight = 0;
    if (error) {
        fprintf(stderr, "not reported: %s: %s\n", error->name, error->message);
        if (!is_final(error))
            return 0; /* the next tick tries again: the same once more changes nothing */
    } else
        fprintf(stderr, "%s\n", unreported[first].event);
    first = (first + 1) % 32;
    count--;
    if (!count && state == ENDING)
        return sd_event_exit(event_loop, result);
    deliver();
    return 0;
}

static void report(const char *event, const char *part, const char *reason) {
    if (count == 32) {
        fprintf(stderr, "%s: no room\n", event);
        exit(1);
    }
    struct report *it = &unreported[(first + count++) % 32];
    *it = (struct report){.event = event, .part = part, .wh = energy_wh()};
    it->with_token = part && !strcmp(part, "transaction_started");
    snprintf(it->reason, sizeof it->reason, "%s", reason);
    now(it->at);
    deliver();
}

/* Only the latest reading counts, so nobody waits for the answer. */
static void measure(void) {
    char at[32];
    now(at);
    sd_bus_call_method_async(bus, NULL, NAME, EVSE, EVSE_MANAGER, "ReportPowermeter", NULL, NULL,
                             "a{sv}", 2, "timestamp", "s", at, "energy_Wh_import", "a{sv}", 1,
                             "total", "d", energy_wh());
}

/* -- ocppd comes, and comes back */

/* Greet an ocppd that has started since: register, resume what goes on, be ready. */
static int meet(void) {
    sd_bus_error error = SD_BUS_ERROR_NULL;
    sd_bus_message *reply = NULL;
    char *known = NULL, at[32];
    const char *name;
    int r = sd_bus_call_method(bus, NAME, STATION, NAME ".AgentManager", "RegisterAgent", &error,
                               NULL, "oas", AGENT_PATH, 1, AGENT);
    if (r >= 0)
        r = sd_bus_call_method(bus, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                               "org.freedesktop.DBus", "GetNameOwner", &error, &reply, "s", NAME);
    if (r >= 0)
        r = sd_bus_message_read(reply, "s", &name);
    if (r >= 0)
        r = sd_bus_get_property_string(bus, NAME, EVSE, EVSE_MANAGER, "SessionId", &error, &known);
    if (r >= 0 && known[0] && (!session[0] || !strcmp(session, known))) {
        /* Dated as the next report: a session cannot go back in time. */
        now(at);
        r = sd_bus_call_method(bus, NAME, EVSE, EVSE_MANAGER, "ReportSessionEvent", &error, NULL,
                               "a{sv}", 3, "uuid", "s", known, "timestamp", "s",
                               count ? unreported[first].at : at, "event", "s", "SessionResumed");
        if (r >= 0) {
            fprintf(stderr, "SessionResumed %s\n", known);
            if (!session[0]) { /* it is we who start anew; the relay is as it was */
                snprintf(session, sizeof session, "%s", known);
                state = CHARGING;
                report("ChargingStarted", NULL, "");
            }
        }
    }
    if (r >= 0)
        r = sd_bus_call_method(bus, NAME, EVSE, EVSE_MANAGER, "ReportReady", &error, NULL, "b", 1);
    if (r >= 0)
        snprintf(owner, sizeof owner, "%s", name);
    else
        fprintf(stderr, "ocppd is not there: %s\n", error.message ? error.message : strerror(-r));
    free(known);
    sd_bus_message_unref(reply);
    sd_bus_error_free(&error);
    return r;
}

static int on_owner_changed(sd_bus_message *m, void *userdata, sd_bus_error *ret) {
    const char *name, *old, *new;
    if (sd_bus_message_read(m, "sss", &name, &old, &new) >= 0 && strcmp(new, owner))
        owner[0] = 0; /* the next tick greets the new one */
    return 0;
}

/* -- the session */

static void end(const char *reason) {
    if (state == CHARGING) {
        report("ChargingFinished", NULL, "");
        report("TransactionFinished", "transaction_finished", reason);
    }
    state = ENDING;
    report("SessionFinished", "session_finished", "");
}

/* Enter a dictionary at a key's value of this type, or at its end: 0. */
static int find(sd_bus_message *m, const char *wanted, const char *type, void *value) {
    const char *key, *contents;
    int r = sd_bus_message_enter_container(m, 'a', "{sv}");
    while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
        if ((r = sd_bus_message_read(m, "s", &key)) < 0)
            return r;
        if (!strcmp(key, wanted) && (r = sd_bus_message_peek_type(m, NULL, &contents)) >= 0 &&
            !strcmp(contents, type))
            return sd_bus_message_read(m, "v", type, value);
        if ((r = sd_bus_message_skip(m, "v")) >= 0)
            r = sd_bus_message_exit_container(m);
    }
    return r;
}

static int on_validated(sd_bus_message *reply, void *userdata, sd_bus_error *ret) {
    const sd_bus_error *error = sd_bus_message_get_error(reply);
    const char *status = "nobody can tell";
    if (error)
        fprintf(stderr, "%s: %s\n", error->name, error->message);
    else
        find(reply, "authorization_status", "s", &status);
    fprintf(stderr, "token: %s\n", status);
    if (strcmp(status, "Accepted")) {
        result = 1;
        end("");
        return 0;
    }
    state = CHARGING;
    report("TransactionStarted", "transaction_started", "");
    report("ChargingStarted", NULL, "");
    return 0;
}

static void validate(void) {
    sd_bus_message *m = NULL;
    int r = sd_bus_message_new_method_call(bus, &m, NAME, STATION, NAME ".AuthTokenValidator",
                                           "ValidateToken");
    if (r >= 0)
        r = append_token(m);
    if (r >= 0) /* ocppd may have to ask the CSMS */
        r = sd_bus_call_async(bus, NULL, m, on_validated, NULL, 60 * SECOND);
    if (r >= 0)
        state = VALIDATING;
    sd_bus_message_unref(m);
}

/* A remote start that ocppd has accepted; the cable is in, so it is taken at once. */
static int on_provided_token(sd_bus_message *m, void *userdata, sd_bus_error *ret) {
    int prevalidated = 0;
    if (state != PLUGGED_IN || token_id || offered)
        return 0;
    offered = sd_bus_message_ref(m);
    find(m, "prevalidated", "b", &prevalidated);
    if (!prevalidated)
        return 0; /* the next tick has it validated */
    state = CHARGING;
    report("TransactionStarted", "transaction_started", "");
    report("ChargingStarted", NULL, "");
    return 0;
}

static int tick(sd_event_source *source, uint64_t usec, void *userdata) {
    if (owner[0] || meet() >= 0) {
        if (state == AWAY) {
            sd_id128_t id;
            sd_id128_randomize(&id);
            sd_id128_to_uuid_string(id, session);
            state = PLUGGED_IN;
            report("SessionStarted", "session_started", "EVConnected");
            if (!token_id)
                fprintf(stderr, "waiting for a remote start\n");
        }
        if (state == PLUGGED_IN && (token_id || offered))
            validate();
        deliver();
    }
    if (state == CHARGING) {
        if (stop_reason[0] || seconds_left-- <= 0)
            end(stop_reason[0] ? stop_reason : "Local");
        else
            measure();
    }
    sd_event_source_set_time_relative(source, SECOND);
    return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

/* -- the agent: what ocppd asks of the charger, mostly because the CSMS asked; an error is a refusal */

static int asked(sd_bus_message *m, int *evse_id, sd_bus_error *error) {
    if (owner[0] && strcmp(sd_bus_message_get_sender(m), owner))
        return sd_bus_error_set(error, SD_BUS_ERROR_ACCESS_DENIED, "this is for ocppd");
    int r = sd_bus_message_read(m, "i", evse_id);
    if (r >= 0 && *evse_id != EVSE_ID)
        return sd_bus_error_set(error, NAME ".Error.UnknownEvse", "there is EVSE 1 alone");
    fprintf(stderr, "asked for %s\n", sd_bus_message_get_member(m));
    return r;
}

static int enable_disable(sd_bus_message *m, void *userdata, sd_bus_error *error) {
    int evse_id, connector_id, r = asked(m, &evse_id, error);
    const char *wanted = "";
    if (r >= 0)
        r = sd_bus_message_read(m, "i", &connector_id);
    if (r >= 0)
        r = find(m, "enable_state", "s", &wanted);
    return r < 0 ? r : sd_bus_reply_method_return(m, "b", !strcmp(wanted, "Enable"));
}

static int pause_charging(sd_bus_message *m, void *userdata, sd_bus_error *error) {
    int evse_id, r = asked(m, &evse_id, error);
    int wanted = !strcmp(sd_bus_message_get_member(m), "PauseCharging");
    if (r >= 0 && state == CHARGING && wanted != paused) {
        paused = wanted;
        report(paused ? "ChargingPausedEVSE" : "ChargingResumed", NULL, "");
    }
    return r < 0 ? r : sd_bus_reply_method_return(m, "b", 1);
}

static int stop_transaction(sd_bus_message *m, void *userdata, sd_bus_error *error) {
    int evse_id, r = asked(m, &evse_id, error);
    const char *reason = "Other";
    if (r >= 0)
        r = find(m, "reason", "s", &reason);
    if (r >= 0 && state == CHARGING)
        snprintf(stop_reason, sizeof stop_reason, "%s", reason);
    return r < 0 ? r : sd_bus_reply_method_return(m, "b", state == CHARGING);
}

static int force_unlock(sd_bus_message *m, void *userdata, sd_bus_error *error) {
    int evse_id, r = asked(m, &evse_id, error);
    return r < 0 ? r : sd_bus_reply_method_return(m, "b", state != CHARGING);
}

static const sd_bus_vtable agent[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_METHOD("EnableDisable", "iia{sv}", "b", enable_disable, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("PauseCharging", "i", "b", pause_charging, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("ResumeCharging", "i", "b", pause_charging, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("StopTransaction", "ia{sv}", "b", stop_transaction, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("ForceUnlock", "ii", "b", force_unlock, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_VTABLE_END,
};

static void must(int r, const char *what) {
    if (r < 0) {
        fprintf(stderr, "%s: %s\n", what, strerror(-r));
        exit(2);
    }
}

int main(int argc, char *argv[]) {
    if (argc != 3) {
        fprintf(stderr, "usage: %s TOKEN SECONDS\n", argv[0]);
        return 2;
    }
    token_id = strcmp(argv[1], "-") ? argv[1] : NULL;
    seconds_left = atoi(argv[2]);
    must(sd_event_default(&event_loop), "event loop");
    must(sd_bus_open_system(&bus), "the system bus");
    must(sd_bus_set_exit_on_disconnect(bus, 1), "the system bus"); /* who started it starts it again */
    must(sd_bus_attach_event(bus, event_loop, SD_EVENT_PRIORITY_NORMAL), "the system bus");
    must(sd_bus_add_object_vtable(bus, NULL, AGENT_PATH, AGENT, agent, NULL), "the agent");
    must(sd_bus_match_signal(bus, NULL, NAME, STATION, NAME ".AuthTokenProvider", "ProvidedToken",
                             on_provided_token, NULL), "ProvidedToken");
    must(sd_bus_add_match(bus, NULL,
                          "type='signal',sender='org.freedesktop.DBus',"
                          "member='NameOwnerChanged',arg0='" NAME "'",
                          on_owner_changed, NULL), "NameOwnerChanged");
    must(sd_event_add_time_relative(event_loop, NULL, CLOCK_MONOTONIC, 0, 0, tick, NULL), "timer");
    result = 0;
    int r = sd_event_loop(event_loop);
    sd_bus_flush_close_unref(bus);
    return r < 0 ? 2 : r;
}

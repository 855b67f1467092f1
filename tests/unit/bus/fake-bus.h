#pragma once
/*
 * Fake bus: somebody at the other end of the daemon's connection, in the same loop
 *
 * Listens where DBUS_SYSTEM_BUS_ADDRESS says, answers Hello and RequestName as the test wants,
 * and makes calls. One connection at a time.
 */
#include <ev.h>
#include <systemd/sd-bus.h>

#include "koowatchd/bus/bus-loop.h"
#include "unit/support.h"

#define NAME_GIVEN 1
#define NAME_TAKEN 3

struct fake_bus {
        struct ev_loop *loop;
        char directory[DIRECTORY_MAX];
        char path[DIRECTORY_MAX + 8];
        int listener;
        ev_io io;
        sd_bus *bus; /* the connection; NULL: there is none */
        struct bus_loop *bus_loop;
        unsigned connections; /* so many have come */
        uint32_t name;        /* what RequestName answers */
        unsigned names;       /* so often it was asked for */
        bool mute;            /* it is not read, nor answered */
        unsigned signals;     /* so many have come */
        char *last;           /* the last one: its member */
        char *changed;        /* properties of the last PropertiesChanged, with blanks */
        unsigned answers;     /* to calls */
        unsigned entries;     /* in the first array of the last one */
        char *error;          /* name of the last one's error; NULL: none */
        char *message;        /* its sentence */
};

/* Listens from now on. */
void fake_bus_open(struct fake_bus *f, struct ev_loop *loop);
/* As if it had been killed: the connection is lost, and nobody listens. */
void fake_bus_kill(struct fake_bus *f);
/* It listens again. */
void fake_bus_listen(struct fake_bus *f);
void fake_bus_close(struct fake_bus *f);

/* Calls a method of the interface; types and values as sd_bus_message_append(). */
void fake_bus_call(struct fake_bus *f, const char *method, const char *types, ...);
/* Asks for a property as org.freedesktop.DBus.Properties.Get. */
void fake_bus_get(struct fake_bus *f, const char *property);

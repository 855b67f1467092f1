#pragma once
/*
 * Crash point: where a test lets the program die, as a crash might
 *
 * In a build with -Dcrash-points=true, KOOWATCH_CRASH=NAME[:N] kills the process by SIGKILL when it
 * comes to the point NAME for the nth time (default 1). Other builds have nothing of this.
 */
#ifdef KOOWATCH_CRASH_POINTS
#define CRASH_POINT(name) crash_point(name)
#define CRASH_VARIABLES "KOOWATCH_CRASH", /* what a spawned program is to be given of this */
void crash_point(const char *name);
#else
#define CRASH_POINT(name) ((void) 0)
#define CRASH_VARIABLES
#endif

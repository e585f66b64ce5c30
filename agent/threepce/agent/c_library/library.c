/*
 * What cffi does not write: the exported function, and how Python is started for it.
 *
 * THREEPCE_PYTHON is the interpreter that built the library, in its virtual environment if it has
 * one: the packages are found as that interpreter finds them, whatever comes first on PATH. Python
 * is started isolated, so that variables meant for the application's own Python change nothing here.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

#include "gen_ex_copy.h"

CFFI_DLLEXPORT void gen_ex_copy_in_python(data_entity_t *de, int de_ent, u_char *ILD, int ILD_ent,
                                          u_char *rcr, int *code);

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int started;

static void start(void)
{
    PyConfig config;
    PyStatus status;

    if (Py_IsInitialized()) {
        started = 1;
        return;
    }
    PyConfig_InitIsolatedConfig(&config);
    config.install_signal_handlers = 0;
    status = PyConfig_SetBytesString(&config, &config.executable, THREEPCE_PYTHON);
    if (!PyStatus_Exception(status))
        status = Py_InitializeFromConfig(&config);
    PyConfig_Clear(&config);
    if (PyStatus_Exception(status)) {
        fprintf(stderr, "gen_ex_copy: Python cannot be started: %s\n",
                status.err_msg ? status.err_msg : "no reason given");
        return;
    }
    PyEval_SaveThread();
    started = 1;
}

/* A write to a connection that is gone raises SIGPIPE, which would end the application: Python expects
   to find it ignored. So it is blocked in this thread, and one that we have caused is taken away. */

static int is_pending(void)
{
    sigset_t pending;

    sigpending(&pending);
    return sigismember(&pending, SIGPIPE);
}

__attribute__((visibility("default")))
int gen_ex_copy(data_entity_t de[], int de_ent, u_char ILD[], int ILD_ent, u_char rcr[])
{
    int code = GEC_BROKEN; /* stays where Python cannot set it */
    int was_pending = is_pending();
    const struct timespec at_once = { 0, 0 };
    sigset_t pipe, before;

    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, &before);
    pthread_once(&once, start);
    if (started)
        gen_ex_copy_in_python(de, de_ent, ILD, ILD_ent, rcr, &code);
    if (!was_pending && is_pending())
        sigtimedwait(&pipe, NULL, &at_once);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return code;
}

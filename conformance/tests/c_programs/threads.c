/*
 * Calls gen_ex_copy from eight threads at once, each for blocks of its own, and says what they return
 * and whether any signal is handled in another way afterwards.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gen_ex_copy.h"

#define THREADS 8

static const char *engine;

static void *copy(void *number)
{
    data_entity_t *entity = calloc(1, sizeof *entity);
    u_char block = (u_char)(8 * (long)number);

    strncpy(entity->dev_fn, engine, sizeof entity->dev_fn - 1);
    entity->des_dev.d_flags = GEC_DESTINATION_DEVICE | GEC_LUN_VALID;
    entity->des_dev.d_lun[1] = 1;
    entity->nae = 1;
    entity->ts[0].src_device.d_flags = GEC_SOURCE_DEVICE | GEC_LUN_VALID;
    entity->ts[0].n_a_e = 1;
    entity->ts[0].d2m[0].sdlba[7] = block;
    entity->ts[0].d2m[0].ddlba[7] = (char)block;
    entity->ts[0].d2m[0].nblk[7] = 8;
    long code = gen_ex_copy(entity, 1, NULL, 0, NULL);
    free(entity);
    return (void *)code;
}

static void handlers(void (*found[NSIG])(int))
{
    for (int number = 1; number < NSIG; number++) {
        struct sigaction action = { .sa_handler = SIG_DFL };
        sigaction(number, NULL, &action);
        found[number] = action.sa_handler;
    }
}

int main(int argc, char **argv)
{
    void (*before[NSIG])(int) = { 0 }, (*after[NSIG])(int) = { 0 };
    pthread_t threads[THREADS];

    if (argc != 2)
        return 2;
    engine = argv[1];
    handlers(before);
    for (long number = 0; number < THREADS; number++)
        pthread_create(&threads[number], NULL, copy, (void *)number);
    for (int number = 0; number < THREADS; number++) {
        void *code;
        pthread_join(threads[number], &code);
        printf("0x%06lx\n", (long)code);
    }
    handlers(after);
    return memcmp(before, after, sizeof before) == 0 ? 0 : 3;
}

/*
 * Calls gen_ex_copy with an rcr of 16 bytes whose 17th byte may not be touched, nor the one before the
 * first: the array ends where a page does, and the next page allows nothing. Once more with an array of
 * malloc's, which valgrind watches. Prints the code and the array of both.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "gen_ex_copy.h"

#define LENGTH 16
#define GUARD 0xa5

static int call(const char *engine, u_char *rcr)
{
    data_entity_t *entity = calloc(1, sizeof *entity);
    int code;

    rcr[0] = 0, rcr[1] = LENGTH;
    memset(rcr + 2, GUARD, LENGTH - 2);
    strncpy(entity->dev_fn, engine, sizeof entity->dev_fn - 1);
    entity->des_dev.d_flags = GEC_DESTINATION_DEVICE | GEC_LUN_VALID;
    entity->des_dev.d_lun[1] = 1;
    entity->nae = 1;
    entity->ts[0].src_device.d_flags = GEC_SOURCE_DEVICE | GEC_LUN_VALID;
    entity->ts[0].n_a_e = 1;
    entity->ts[0].d2m[0].nblk[7] = 8;
    code = gen_ex_copy(entity, 1, NULL, 0, rcr);
    free(entity);
    printf("0x%06x", (unsigned)code & GEC_CODE);
    for (int at = 0; at < LENGTH; at++)
        printf(" %02x", rcr[at]);
    printf("\n");
    return code;
}

int main(int argc, char **argv)
{
    long page = sysconf(_SC_PAGESIZE);
    u_char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    u_char *rcr = pages + page - LENGTH;

    if (argc != 2 || pages == MAP_FAILED || mprotect(pages + page, page, PROT_NONE) != 0)
        return 2;
    memset(pages, GUARD, page);
    call(argv[1], rcr);
    for (u_char *byte = pages; byte < rcr; byte++)
        if (*byte != GUARD)
            return 3;

    rcr = malloc(LENGTH);
    call(argv[1], rcr);
    free(rcr);
    return 0;
}

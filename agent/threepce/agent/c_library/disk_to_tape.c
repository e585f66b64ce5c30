/*
 * An example: copies disks to tape, behind an annotation.
 *
 *     cc -std=gnu99 disk_to_tape.c -L. -lgen_ex_copy -Wl,-rpath,. -o disk_to_tape
 *     ./disk_to_tape ENGINE TAPE-LUN ANNOTATION DISK-LUN BLOCKS [DISK-LUN BLOCKS]...
 *
 * ENGINE is a logical unit with the copy engine, such as iscsi://127.0.0.1/iqn.2026-01.example:san/0;
 * tape and disks are logical units beside it. Of each disk the first BLOCKS blocks are copied, in tape
 * blocks of 64 KiB. The annotation becomes the first block on the tape.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gen_ex_copy.h"

#define TAPE_BLOCK (64 * 1024)
#define RESULTS 512

static void store(u_char *field, unsigned long number)
{
    for (int at = 7; at >= 0; at--, number >>= 8)
        field[at] = (u_char)number;
}

static void describe(dev_desc_t *device, u_int role, u_char type, unsigned long lun)
{
    device->d_flags = role | GEC_LUN_VALID;
    device->d_type = type;
    store(device->d_lun, lun << 48);
}

int main(int argc, char **argv)
{
    data_entity_t *entity = calloc(1, sizeof *entity);
    u_char results[RESULTS] = { RESULTS >> 8, RESULTS & 0xff };
    int disks = (argc - 4) / 2;

    if (entity == NULL || disks < 1 || disks > MAX_TS - 1 || argc != 4 + 2 * disks
        || strlen(argv[1]) >= sizeof entity->dev_fn) {
        fprintf(stderr, "usage: %s ENGINE TAPE-LUN ANNOTATION DISK-LUN BLOCKS [DISK-LUN BLOCKS]...\n", argv[0]);
        return 2;
    }
    strcpy(entity->dev_fn, argv[1]);
    describe(&entity->des_dev, GEC_DESTINATION_DEVICE, GEC_TAPE, strtoul(argv[2], NULL, 0));

    data_src_t *annotation = &entity->ts[entity->nae++];
    annotation->src_device.d_flags = GEC_INLINE_DEVICE;
    annotation->n_a_e = 1;
    store(annotation->d2m[0].sdlba, 0);
    store(annotation->d2m[0].nblk, strlen(argv[3]));
    annotation->d2m[0].sdlt = (int)strlen(argv[3]);

    for (int disk = 0; disk < disks; disk++) {
        data_src_t *source = &entity->ts[entity->nae++];
        describe(&source->src_device, GEC_SOURCE_DEVICE, GEC_DISK, strtoul(argv[4 + 2 * disk], NULL, 0));
        source->n_a_e = 1;
        store(source->d2m[0].sdlba, 0);
        store(source->d2m[0].nblk, strtoul(argv[5 + 2 * disk], NULL, 0));
        source->d2m[0].sdlt = TAPE_BLOCK;
    }

    int code = gen_ex_copy(entity, 1, (u_char *)argv[3], (int)strlen(argv[3]), results) & GEC_CODE;
    printf("0x%06x\n", (unsigned)code);
    for (int at = 2; code != GEC_SUCCESSFUL && at < RESULTS; at++)
        printf("%02x%s", results[at], at % 32 == 1 || at == RESULTS - 1 ? "\n" : " ");
    free(entity);
    return code == GEC_SUCCESSFUL ? 0 : 1;
}

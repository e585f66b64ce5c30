/* Calls gen_ex_copy with what is wrong, one thing at a time: a line for each, its name and the code. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gen_ex_copy.h"

static data_entity_t *good(const char *engine)
{
    static data_entity_t entity;
    memset(&entity, 0, sizeof entity);
    strncpy(entity.dev_fn, engine, sizeof entity.dev_fn - 1);
    entity.des_dev.d_flags = GEC_DESTINATION_DEVICE | GEC_LUN_VALID;
    entity.des_dev.d_lun[1] = 1;
    entity.nae = 1;
    entity.ts[0].src_device.d_flags = GEC_SOURCE_DEVICE | GEC_LUN_VALID;
    entity.ts[0].n_a_e = 1;
    entity.ts[0].d2m[0].nblk[7] = 8;
    return &entity;
}

static void tell(const char *name, int code)
{
    printf("%s 0x%06x\n", name, (unsigned)code & GEC_CODE);
}

#define WRONG(name, change)                                        \
    do {                                                           \
        data_entity_t *e = good(engine);                           \
        change;                                                    \
        tell(name, gen_ex_copy(e, 1, inline_data, 8, NULL));       \
    } while (0)

int main(int argc, char **argv)
{
    const char *engine = argv[1], *no_engine = argc > 2 ? argv[2] : "";
    u_char inline_data[8] = "inline!", rcr[2] = { 0, 2 };

    tell("nothing wrong", gen_ex_copy(good(engine), 1, NULL, 0, NULL));
    tell("length alone", gen_ex_copy(good(engine), 1, NULL, 0, rcr));
    tell("de_ent 0", gen_ex_copy(good(engine), 0, NULL, 0, NULL));
    tell("de_ent -1", gen_ex_copy(good(engine), -1, NULL, 0, NULL));
    tell("de NULL", gen_ex_copy(NULL, 1, NULL, 0, NULL));
    tell("ILD_ent -1", gen_ex_copy(good(engine), 1, inline_data, -1, NULL));
    tell("ILD NULL", gen_ex_copy(good(engine), 1, NULL, 8, NULL));
    WRONG("nae 0", e->nae = 0);
    WRONG("nae -1", e->nae = -1);
    WRONG("nae 21", e->nae = 21);
    WRONG("n_a_e 0", e->ts[0].n_a_e = 0);
    WRONG("n_a_e 257", e->ts[0].n_a_e = MAX_D2M + 1);
    WRONG("n_a_e 2^32-1", e->ts[0].n_a_e = ~0u);
    WRONG("name without end", memset(e->dev_fn, 'x', sizeof e->dev_fn));
    WRONG("name of no text", strcpy(e->dev_fn, "/dev/\xff\xfe"));
    WRONG("name empty", e->dev_fn[0] = 0);
    WRONG("not there", strcpy(e->dev_fn, "/dev/no-such-sg"));
    WRONG("not SCSI", strcpy(e->dev_fn, "/dev/null"));
    WRONG("URL without sense", strcpy(e->dev_fn, "iscsi://"));
    WRONG("no engine", strcpy(e->dev_fn, no_engine));
    WRONG("reserved flag", e->des_dev.d_flags |= 1u << 28);
    WRONG("flag of data", e->ts[0].d2m[0].flags = -1);
    WRONG("LUN not there", e->des_dev.d_lun[1] = 99);
    WRONG("block length", e->ts[0].src_device.d_bl = 520);
    WRONG("block length of 2^40", e->ts[0].src_device.d_bl = 1ul << 40);
    WRONG("type of device", e->ts[0].src_device.d_type = 5);
    WRONG("beyond the end", memset(e->ts[0].d2m[0].sdlba, 0x7f, 8));
    WRONG("beyond 64 bits", memset(e->ts[0].d2m[0].sdlba, 0xff, 8));
    WRONG("overlap", e->des_dev.d_lun[1] = 0; e->ts[0].d2m[0].ddlba[7] = 4);
    WRONG("inline to disk", e->ts[0].src_device.d_flags = GEC_INLINE_DEVICE);
    WRONG("inline beyond ILD", (e->ts[0].src_device.d_flags = GEC_INLINE_DEVICE, e->des_dev.d_type = GEC_TAPE,
                                e->ts[0].d2m[0].sdlt = 1, e->ts[0].d2m[0].sdlba[7] = 1));
    WRONG("no stream", (e->des_dev.d_type = GEC_TAPE, e->ts[0].d2m[0].sdlt = 512));
    WRONG("transfer of nothing", e->des_dev.d_type = GEC_TAPE);
    WRONG("port without LUN", e->des_dev.d_flags = GEC_DESTINATION_DEVICE | GEC_N_PORT_VALID);
    WRONG("port not there", (e->des_dev.d_flags |= GEC_N_PORT_VALID, e->des_dev.d_bl = 512));
    return 0;
}

/*
 * gen_ex_copy: cause a third-party copy engine to copy, from C.
 *
 * The structures are those of the interface's paragraphs [0046] to [0107], field for field. They
 * are laid out as the compiler does by itself; do not pack them. Numbers in arrays of u_char
 * (sdlba, ddlba, nblk, d_lun) are big-endian, as they go over the wire; int and u_long are as in C.
 * u_char, u_int and u_long come from <sys/types.h>, which strict -std=c99 hides: use -std=gnu99,
 * or define _DEFAULT_SOURCE.
 */
#ifndef GEN_EX_COPY_H
#define GEN_EX_COPY_H

#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* d_flags of dev_desc_t ([0071] to [0084]); bits that are not here must be zero. */
#define GEC_SOURCE_DEVICE      (1u << 31)
#define GEC_DESTINATION_DEVICE (1u << 30)
#define GEC_INLINE_DEVICE      (1u << 29)
#define GEC_PAD                (1u << 27)
#define GEC_WWN_VALID          (1u << 25)
#define GEC_LUN_VALID          (1u << 24)
#define GEC_N_PORT_VALID       (1u << 23)
#define GEC_TARGET_ID_VALID    (1u << 22)
#define GEC_FIXED              (1u << 20)

/* flags of data_desc_t ([0104] to [0106]). */
#define GEC_CAT                (1u << 0)

/* d_type: peripheral device types of SCSI that can be copied from and to. */
#define GEC_DISK               0x00
#define GEC_TAPE               0x01

/* What is returned: compare (code & GEC_CODE), for only the low three bytes are relevant ([0109]). */
#define GEC_CODE                                0x00ffffff
#define GEC_SUCCESSFUL                          0x000000
#define GEC_INQUIRY_ERROR                       0x000001
#define GEC_NON_SUPPORTED_3RD_PARTY_COPY_DEVICE 0x000002
#define GEC_NUMBER_OF_DATA_ENTITIES             0x000003
#define GEC_NUMBER_OF_INLINE_DATA_BYTES         0x000004
#define GEC_OPEN_ERROR                          0x000005
#define GEC_SCSI_COMMAND_ERROR                  0x000006
#define GEC_PARAMETER_LIST_LENGTH_ERROR         0x000007
#define GEC_DESTINATION_NOT_A_STREAM_DEVICE     0x000009
#define GEC_INLINE_DATA_SEGMENT_NOT_SUPPORTED   0x00000a
#define GEC_EMBEDDED_INLINE_DATA_EXCEEDS_LIMIT  0x00000b
#define GEC_OPERATIONAL_PARAMETER_ERROR         0x001000
#define GEC_TARGET_DESCRIPTOR_BUILD_ERROR       0x001002
/* Ours, 0x2000 to 0x2fff: the input is wrong in a way that no code of the interface covers. */
#define GEC_COUNT_OF_ARRAY_ENTRIES              0x002001 /* a count is not what its array can hold */
#define GEC_FLAGS                               0x002002 /* a reserved bit, or bits that contradict */
#define GEC_DATA_OUT_OF_RANGE                   0x002003 /* blocks or inline data that are not there */
#define GEC_OVERLAP                             0x002004 /* source and destination overlap */
#define GEC_BROKEN                              0x002fff /* the library itself; standard error says how */

/* The structures. */
#define MAX_TS 20   /* source devices of an element ([0056]) */
#define MAX_D2M 256 /* pieces of data of a source device; the interface leaves the number open */

typedef struct dev_desc
{
    u_char  d_wwn[8];   /* Device WWN */
    u_char  d_lun[8];   /* Device LUN, eight bytes as in SAM: LUN 5 is 00 05 00 00 00 00 00 00 */
    u_char  d_nport[3]; /* Device N-Port */
    u_long  d_bl;       /* Device Block Length; 0 asks the device */
    u_char  d_tid;      /* SCSI Target Identifier (Descriptor Type E3) */
    u_char  d_type;     /* Peripheral Device Type */
    u_int   d_flags;    /* Control Flags */
} dev_desc_t;

typedef struct data_desc
{
    u_char  sdlba[8];   /* Logical Block Address of the Data to Move; for ILD the index into it */
    char    ddlba[8];   /* Logical Block Addr to Place Blk to Blk Data Moved */
    int     sdlt;       /* Stream Device Transfer Length */
    u_char  nblk[8];    /* Num of Logical Blocks to Move; for ILD the number of bytes */
    int     flags;      /* Control Flags */
} data_desc_t;

typedef struct data_src
{
    dev_desc_t   src_device;   /* Description of a Source Device */
    u_int        n_a_e;        /* Number of Array Entries */
    data_desc_t  d2m[MAX_D2M];
} data_src_t;

typedef struct data_entity
{
    char        dev_fn[80];  /* 3rd Party Copy Engine: /dev/sg3, or iscsi://HOST[:PORT]/TARGET/LUN */
    dev_desc_t  des_dev;     /* Description of the Destination Device */
    int         nae;         /* # of Entries in the following array, 1 to MAX_TS */
    data_src_t  ts[MAX_TS];  /* Source Devices and Data to Move */
} data_entity_t;
/* End of the structures. */

/*
 * Copies what the first de_ent elements of de describe, in order; the first error ends it. Returns
 * one of the codes above, and says the reason of any but 0 on standard error.
 *
 * ILD is the inline data, ILD_ent its length in bytes; it may be NULL when that is 0.
 *
 * The first two bytes of rcr are the length of the whole array, most significant byte first, and
 * stay as they are. After an error RECEIVE COPY RESULTS data follows from the third byte on, cut to
 * that length: nothing is ever written beyond it. Four zero bytes say that the engine gave none.
 * rcr may be NULL: then no results are wanted.
 *
 * What C cannot know is yours to see to: that de, ILD and rcr are as long as you say.
 *
 * The first call starts a Python interpreter in this process, unless it has one; it leaves signal
 * handlers and the environment alone. Any thread may call, several at once.
 */
int gen_ex_copy(data_entity_t de[], int de_ent, u_char ILD[], int ILD_ent, u_char rcr[]);

#ifdef __cplusplus
}
#endif

#endif

/* What elfutils' configure finds out on Linux with glibc; without zstd, which no BPF object is compressed with. */
#define HAVE_STDATOMIC_H 1
#define HAVE_ERR_H 1
#define HAVE_ERROR_H 1
#define HAVE_DECL_MEMPCPY 1
#define HAVE_DECL_MEMRCHR 1
#define HAVE_DECL_RAWMEMCHR 1
#define HAVE_DECL_REALLOCARRAY 1
#define HAVE_DECL_POWEROF2 1
#define HAVE_FALLTHROUGH 1
#define HAVE_VISIBILITY 1
#define HAVE_MREMAP 1
#include <eu-config.h>

/* Two versions of one type, and types that have no way to each other. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

enum mood_old { CALM = 1, LOUD = 2 };
enum mood_new { CALM_NEW = 0, };

struct place_old { __u16 x; __u16 y; };
struct place_new { __u32 y; __u64 x; };

struct before {
	__u32 count;
	__s16 balance;
	_Bool seen;
	__u32 low : 3, high : 5;
	char name[8];
	struct place_old places[2];
	struct { __u8 inner; };
	__u64 gone;
};

struct after {
	char name[16];
	__u64 fresh;
	__s64 balance;
	__u64 count;
	__u32 high : 5, low : 3;
	_Bool seen;
	struct place_new places[3];
	struct { __u16 inner; };
};

struct other_union { union { __u32 a; __u64 b; }; };
struct one_union { union { __u64 b; __u32 a; }; };
struct timed { struct bpf_timer timer; };
enum colour { RED = 1, GREEN = 2 };
struct painted { enum colour colour; };
struct key_old { __u32 address; __u32 port; };
struct key_new { __u32 address; };

#define TYPE(name) struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 1); __type(key, struct name); __type(value, __u32); } map_##name SEC(".maps")
TYPE(before);
TYPE(after);
TYPE(other_union);
TYPE(one_union);
TYPE(timed);
TYPE(painted);
TYPE(key_old);
TYPE(key_new);

char LICENSE[] SEC("license") = "GPL";
SEC("socket") int one(void *ctx) { return 0; }

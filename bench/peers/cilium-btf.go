// The milliseconds that cilium/ebpf takes to read the kernel's BTF and to find some types in it, in a new process.
package main

import (
	"fmt"
	"os"
	"time"

	"github.com/cilium/ebpf/btf"
)

func main() {
	names := []string{"task_struct", "mm_struct", "file", "inode", "dentry", "sock", "sk_buff", "cred", "nsproxy"}
	begin := time.Now()
	spec, err := btf.LoadKernelSpec()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	parsed := time.Now()
	for _, name := range names {
		var found *btf.Struct
		if err := spec.TypeByName(name, &found); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	done := time.Now()
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	fmt.Printf("{\"LoadKernelSpec\": %.3f, \"nine types found\": %.3f, \"together\": %.3f}\n", ms(parsed.Sub(begin)), ms(done.Sub(parsed)), ms(done.Sub(begin)))
}

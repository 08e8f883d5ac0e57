/** The README of a new project. */
export function readmeText(name: string, what: string): string {
  return `# ${name}

${what}

\`\`\`sh
bpfship build .                                  # clang, once for each variant and CPU architecture
bpfship pack . --output build/package            # one OCI artifact
bpfship inspect --oci-layout build/package:0.1.0
\`\`\`

\`ebpf-service.yaml\` describes the service: its variants in the order of preference, and the maps that carry events. Add a variant
for kernels that cannot load the first; each node takes the first that loads.
`;
}

/** What a new project does not keep in git. */
export const GITIGNORE_TEXT = 'build/\n';

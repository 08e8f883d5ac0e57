import { type Descriptor, packIndex, packManifest, pushBytes, type Storage } from '../../src/index.ts';

/** An artifact with one layer; equal options give equal bytes. */
export async function packSample(
  target: Storage,
  subject?: Descriptor,
  type = 'application/vnd.example.v1',
): Promise<Descriptor> {
  const layer = await pushBytes(target, 'application/octet-stream', Buffer.from(`layer of ${type}`));
  return packManifest(target, {
    artifactType: type,
    layers: [layer],
    annotations: { b: '2', a: '1' },
    ...(subject ? { subject } : {}),
  });
}

/** An index of two platforms, and of an index of two more. */
export async function packPlatforms(
  target: Storage,
): Promise<{ root: Descriptor; byArchitecture: [Descriptor, Descriptor, Descriptor, Descriptor] }> {
  const pack = async (architecture: string): Promise<Descriptor> => {
    const type = `application/vnd.example.${architecture}`;
    const { mediaType, digest, size } = await packSample(target, undefined, type);
    return { mediaType, digest, size, artifactType: type, platform: { os: 'linux', architecture } };
  };
  const byArchitecture: [Descriptor, Descriptor, Descriptor, Descriptor] = [
    await pack('amd64'),
    await pack('arm64'),
    await pack('riscv64'),
    await pack('s390x'),
  ];
  const inner = await packIndex(target, { manifests: byArchitecture.slice(2) });
  const root = await packIndex(target, { manifests: [...byArchitecture.slice(0, 2), inner] });
  return { root, byArchitecture };
}

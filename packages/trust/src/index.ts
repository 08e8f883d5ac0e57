export { type Verification, verifyArtifact, type VerifyArtifactOptions } from './artifact/verify-artifact.ts';
export { generateKeyPair, type GenerateKeyPairOptions, type KeyPair } from './keys/generate-key-pair.ts';
export { loadPrivateKey, type LoadPrivateKeyOptions } from './keys/private-key.ts';
export { readKeyReference, type ReadKeyReferenceOptions } from './keys/read-key-reference.ts';
export type { SigningKey } from './keys/signing-key.ts';
export { type ArtifactSignature, signArtifact, type SignArtifactOptions } from './sign/sign-artifact.ts';
export * from './verify/index.ts';

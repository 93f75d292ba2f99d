export { type DeviceNumbers, deviceNumbers, formatDeviceNumbers } from './device-numbers.ts';
export { ffiAvailable } from './ffi.ts';
export { flock, funlock, isByteLocked, type LockResult, lockByte } from './flock.ts';
export { createSecretMemory, type SecretMemory } from './memory.ts';
export { type PeerCredentials, peerCredentials } from './peer.ts';
export {
  closeInheritedDescriptors,
  type Hardening,
  harden,
  isAlive,
  type ProcessIdentity,
  thisProcess,
  withUmask,
} from './process.ts';
export { type Protection, protectProcess } from './protection.ts';

/** Memory that processes share: memfd_create(2), mmap(2). */
import { bind, bindPointer, check, SystemError, view } from "./library.ts";
import { nulTerminated } from "./paths.ts";

const MFD_CLOEXEC = 1;
const PROT_READ_WRITE = 3;
const MAP_SHARED_POPULATE = 0x8001;

const memfdCreate = bind("int memfd_create(const void *name, unsigned int flags)");
const ftruncate = bind("int ftruncate(int fd, int64_t length)");
const mmap = bindPointer("void *mmap(void *address, size_t length, int protection, int flags, int fd, int64_t offset)");

/** Memory of `bytes`, all zero, that processes can share: a descriptor, close-on-exec. */
export function createMemory(name: string, bytes: number): number {
  const descriptor = check(memfdCreate(nulTerminated(name), MFD_CLOEXEC), "memfd_create");
  check(ftruncate(descriptor, bytes), "ftruncate");
  return descriptor;
}

/** The memory of a descriptor, for as long as this process lives; all of its pages are present. */
export function mapMemory(descriptor: number, bytes: number): ArrayBuffer {
  const { address, errno } = mmap(null, bytes, PROT_READ_WRITE, MAP_SHARED_POPULATE, descriptor, 0);
  if (address === null || BigInt.asIntN(64, address) === -1n) throw new SystemError(errno, "mmap");
  return view(address, bytes);
}

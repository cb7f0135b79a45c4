/** Memory that processes share: memfd_create(2), mmap(2). */
import { bind, check, view } from "./library.ts";
import { nulTerminated } from "./paths.ts";

const MFD_CLOEXEC = 1;
const PROT_READ_WRITE = 3;
const MAP_SHARED_POPULATE = 0x8001;

const memfdCreate = bind("int memfd_create(const void *name, unsigned int flags)");
const ftruncate = bind("int ftruncate(int fd, int64_t length)");
const mmap = bind("int64_t mmap(void *address, size_t length, int protection, int flags, int fd, int64_t offset)");

/** Memory of `bytes`, all zero, that processes can share: a descriptor, close-on-exec. */
export function createMemory(name: string, bytes: number): number {
  const descriptor = check(memfdCreate(nulTerminated(name), MFD_CLOEXEC), "memfd_create");
  check(ftruncate(descriptor, bytes), "ftruncate");
  return descriptor;
}

/** The memory of a descriptor, for as long as this process lives; all of its pages are present. */
export function mapMemory(descriptor: number, bytes: number): ArrayBuffer {
  const address = check(mmap(null, bytes, PROT_READ_WRITE, MAP_SHARED_POPULATE, descriptor, 0), "mmap");
  return view(address, bytes);
}

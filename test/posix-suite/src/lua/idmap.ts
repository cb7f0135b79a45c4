/** In a virtual machine: `lua idmap.lua TREE TARGET USER-NAMESPACE` mounts a tree again, its owners mapped as there. */
import { System } from "../system.ts";
import { littleEndian } from "../little-endian.ts";
import { luaEnvironment, programArguments } from "./environment.ts";

const AT_FDCWD = -100;
const AT_EMPTY_PATH = 0x1000;
const OPEN_TREE_CLONE = 1;
const MOVE_MOUNT_F_EMPTY_PATH = 4;
const MOUNT_ATTR_IDMAP = 0x100000;
/** sizeof(struct mount_attr) */
const ATTRIBUTES = 32;

const [tree, target, namespace] = programArguments();
const system = new System(luaEnvironment());
const mount = system.call("open_tree", tree, AT_FDCWD, tree, OPEN_TREE_CLONE);
const attributes = system.environment.memory(ATTRIBUTES);
const words = [MOUNT_ATTR_IDMAP, 0, 0, system.open(namespace)];
system.environment.put(attributes, 0, words.map((word) => littleEndian(word, 8)).join(""));
system.call("mount_setattr", tree, mount, "", AT_EMPTY_PATH, attributes, ATTRIBUTES);
system.call("move_mount", target, mount, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH);

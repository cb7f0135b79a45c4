// SPDX-License-Identifier: Apache-2.0
/*
 * Lua with system calls, as one static program: the interpreter of the test programs in virtual machines.
 *
 *     lua FILE [ARGUMENT]…       ARGUMENTs are in the global table `arg`
 *
 * The global table `sys` has
 *     call(number, …)            a system call: integers, strings (their bytes), buffers (their memory), nil (NULL);
 *                                returns its result, or minus errno
 *     buffer(length)             zeroed memory that system calls may write to
 *     bytes(buffer, from, length), bytes_at(address, length)
 *     put(buffer, from, string)
 *     address(buffer)            its address, for structures with pointers
 *     equal(address, address or string, length)
 *     shell(command)             returns its standard output
 *     sha256(), with methods update(buffer, length) and hex()
 */
#include <errno.h>
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "sha256.h"

#define BUFFER "puzzlefs buffer"
#define DIGEST "puzzlefs sha256"

struct buffer {
	size_t length;
	unsigned char bytes[];
};

static long argument(lua_State *L, int index)
{
	struct buffer *buffer;

	switch (lua_type(L, index)) {
	case LUA_TNONE:
	case LUA_TNIL:
		return 0;
	case LUA_TSTRING:
		return (long)lua_tostring(L, index);
	case LUA_TUSERDATA:
		buffer = luaL_checkudata(L, index, BUFFER);
		return (long)buffer->bytes;
	default:
		/* Arithmetic in TypeScript may have made a float of an integer. */
		return (long)luaL_checkinteger(L, index);
	}
}

static int sys_call(lua_State *L)
{
	long result = syscall(argument(L, 1), argument(L, 2), argument(L, 3), argument(L, 4), argument(L, 5),
			      argument(L, 6), argument(L, 7));

	lua_pushinteger(L, result == -1 ? -errno : result);
	return 1;
}

static int sys_buffer(lua_State *L)
{
	lua_Integer length = luaL_checkinteger(L, 1);
	struct buffer *buffer = lua_newuserdatauv(L, sizeof(*buffer) + length, 0);

	memset(buffer, 0, sizeof(*buffer) + length);
	buffer->length = length;
	luaL_setmetatable(L, BUFFER);
	return 1;
}

/* The range of a buffer given by two arguments. Raises an error unless it is inside the buffer. */
static unsigned char *range(lua_State *L, lua_Integer length)
{
	struct buffer *buffer = luaL_checkudata(L, 1, BUFFER);
	lua_Integer from = luaL_checkinteger(L, 2);

	luaL_argcheck(L, from >= 0 && length >= 0 && (size_t)(from + length) <= buffer->length, 2, "outside the buffer");
	return buffer->bytes + from;
}

static int sys_bytes(lua_State *L)
{
	lua_Integer length = luaL_checkinteger(L, 3);

	lua_pushlstring(L, (char *)range(L, length), length);
	return 1;
}

static int sys_bytes_at(lua_State *L)
{
	lua_pushlstring(L, (char *)luaL_checkinteger(L, 1), luaL_checkinteger(L, 2));
	return 1;
}

static int sys_put(lua_State *L)
{
	size_t length;
	const char *bytes = luaL_checklstring(L, 3, &length);

	memcpy(range(L, length), bytes, length);
	return 0;
}

static int sys_address(lua_State *L)
{
	lua_pushinteger(L, argument(L, 1));
	return 1;
}

static int sys_equal(lua_State *L)
{
	lua_pushboolean(L, memcmp((void *)argument(L, 1), (void *)argument(L, 2), luaL_checkinteger(L, 3)) == 0);
	return 1;
}

static int sys_shell(lua_State *L)
{
	FILE *pipe = popen(luaL_checkstring(L, 1), "r");
	char piece[4096];
	size_t length;
	luaL_Buffer text;

	if (!pipe)
		return luaL_error(L, "popen: %s", strerror(errno));
	luaL_buffinit(L, &text);
	while ((length = fread(piece, 1, sizeof(piece), pipe)) > 0)
		luaL_addlstring(&text, piece, length);
	pclose(pipe);
	luaL_pushresult(&text);
	return 1;
}

static int sys_sha256(lua_State *L)
{
	sha256_start(lua_newuserdatauv(L, sizeof(struct sha256), 0));
	luaL_setmetatable(L, DIGEST);
	return 1;
}

static int digest_update(lua_State *L)
{
	struct sha256 *state = luaL_checkudata(L, 1, DIGEST);

	sha256_update(state, (void *)argument(L, 2), luaL_checkinteger(L, 3));
	return 0;
}

static int digest_hex(lua_State *L)
{
	struct sha256 *state = luaL_checkudata(L, 1, DIGEST);
	unsigned char digest[32];
	char text[65];

	sha256_finish(state, digest);
	for (int i = 0; i < 32; i++)
		snprintf(text + 2 * i, 3, "%02x", digest[i]);
	lua_pushstring(L, text);
	return 1;
}

static const luaL_Reg functions[] = {
	{ "call", sys_call }, { "buffer", sys_buffer },	  { "bytes", sys_bytes },   { "bytes_at", sys_bytes_at },
	{ "put", sys_put },   { "address", sys_address }, { "equal", sys_equal }, { "sha256", sys_sha256 },
	{ "shell", sys_shell }, { NULL, NULL },
};

static const luaL_Reg digest_methods[] = { { "update", digest_update }, { "hex", digest_hex }, { NULL, NULL } };

static int with_traceback(lua_State *L)
{
	luaL_traceback(L, L, luaL_tolstring(L, 1, NULL), 1);
	return 1;
}

int main(int argc, char **argv)
{
	lua_State *L = luaL_newstate();

	if (!L || argc < 2) {
		fprintf(stderr, "usage: lua FILE [ARGUMENT]...\n");
		return 2;
	}
	luaL_openlibs(L);
	luaL_newmetatable(L, BUFFER);
	luaL_newmetatable(L, DIGEST);
	luaL_newlib(L, digest_methods);
	lua_setfield(L, -2, "__index");
	luaL_newlib(L, functions);
	lua_setglobal(L, "sys");
	lua_newtable(L);
	for (int i = 1; i < argc; i++) {
		lua_pushstring(L, argv[i]);
		lua_seti(L, -2, i - 1);
	}
	lua_setglobal(L, "arg");
	lua_pushcfunction(L, with_traceback);
	if (luaL_loadfile(L, argv[1]) != LUA_OK || lua_pcall(L, 0, 0, -2) != LUA_OK) {
		fprintf(stderr, "%s\n", lua_tostring(L, -1));
		return 1;
	}
	fflush(stdout);
	return 0;
}

-- In the guest: `measure COMMAND` runs a shell command and prints what it took; the others are ways to read a file.
-- SPDX-License-Identifier: Apache-2.0
local OPEN, MMAP, PREAD, CLOCK = 2, 9, 17, 228
local PAGE = 4096

local function content(path)
	local file = assert(io.open(path))
	local text = file:read("a")
	file:close()
	return text
end

local function now()
	local time = sys.buffer(16)
	sys.call(CLOCK, 1, time)
	return string.unpack("<i8", sys.bytes(time, 0, 8)) * 1000000000 + string.unpack("<i8", sys.bytes(time, 8, 8))
end

-- Nanoseconds that processors ran tasks, kernel threads too: what is decompressed by workers is counted.
local function busy()
	local sum = 0
	for time in content("/proc/schedstat"):gmatch("cpu%d+ %d+ %d+ %d+ %d+ %d+ %d+ (%d+)") do sum = sum + tonumber(time) end
	return sum
end

-- Requests and sectors read from a disk.
local function reads(disk)
	for name, requests, sectors in content("/proc/diskstats"):gmatch("(vd%l) (%d+) %d+ (%d+)") do
		if name == disk then return tonumber(requests), tonumber(sectors) end
	end
	return 0, 0
end

local modes = {}

function modes.measure(disk, command)
	local requests, sectors = reads(disk)
	local from, start = busy(), now()
	local good = os.execute(command)
	local wall, cpu = now() - start, busy() - from
	local requestsAfter, sectorsAfter = reads(disk)
	print(good and "ok" or "failed", cpu, wall, requestsAfter - requests, sectorsAfter - sectors)
end

local function open(path)
	local file = sys.call(OPEN, path, 0, 0)
	assert(file >= 0, path)
	local stat = assert(io.open(path))
	local size = stat:seek("end")
	stat:close()
	return file, size
end

-- The same positions each time, all over the file.
local function positions(size, count)
	local at = 1
	return function()
		if count == 0 then return nil end
		count = count - 1
		at = (at * 1103515245 + 12345) & 0x7fffffff
		return at % (size // PAGE) * PAGE
	end
end

function modes.sequential(path)
	local file, size = open(path)
	local buffer = sys.buffer(131072)
	local at = 0
	while at < size do
		local got = sys.call(PREAD, file, buffer, 131072, at)
		assert(got > 0, "read failed")
		at = at + got
	end
end

function modes.random(path, count)
	local file, size = open(path)
	local buffer = sys.buffer(PAGE)
	for at in positions(size, tonumber(count)) do assert(sys.call(PREAD, file, buffer, PAGE, at) == PAGE) end
end

local function map(path)
	local file, size = open(path)
	local address = sys.call(MMAP, 0, size, 1, 2, file, 0)
	assert(address > 0 or address < -4095, "mmap failed")
	return address, size
end

function modes.mapped(path)
	local address, size = map(path)
	for at = 0, size - 1, PAGE do sys.bytes_at(address + at, 1) end
end

modes["mapped-random"] = function(path, count)
	local address, size = map(path)
	for at in positions(size, tonumber(count)) do sys.bytes_at(address + at, 1) end
end

modes[arg[1]](table.unpack(arg, 2))

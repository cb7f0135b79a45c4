-- In the guest: `latency.lua COMMAND [KILL_AFTER]` runs a shell command, and meanwhile wakes up every 200 microseconds.
-- Prints its status, the longest time that it was late, and the time of the command, in microseconds. KILL_AFTER, in
-- microseconds: sends SIGKILL to the command then; the time is the one that it goes on after that.
-- SPDX-License-Identifier: Apache-2.0
local NANOSLEEP, FORK, WAIT4, KILL, SETPGID, SETSCHEDULER, PRCTL, CLOCK = 35, 57, 61, 62, 109, 144, 157, 228
local WNOHANG, SIGKILL, SUBREAPER = 1, 9, 36
local FIFO_RESET_ON_FORK = 0x40000001
local PERIOD = 200

local time = sys.buffer(16)
local function now()
	sys.call(CLOCK, 1, time)
	return (string.unpack("<i8", sys.bytes(time, 0, 8)) * 1000000000 + string.unpack("<i8", sys.bytes(time, 8, 8))) // 1000
end

-- Before all others: it is late only while the kernel does not reschedule.
local parameters = sys.buffer(4)
sys.put(parameters, 0, string.pack("<i4", 1))
assert(sys.call(SETSCHEDULER, 0, FIFO_RESET_ON_FORK, parameters) == 0)

-- The processes of the command become children of this one when their parents end.
assert(sys.call(PRCTL, SUBREAPER, 1, 0, 0, 0) == 0)

local killAfter = tonumber(arg[2])
local start = now()
local child = sys.call(FORK)
if child == 0 then
	sys.call(SETPGID, 0, 0)
	local _, _, status = os.execute(arg[1])
	os.exit(status)
end

local period = sys.buffer(16)
sys.put(period, 0, string.pack("<i8i8", 0, PERIOD * 1000))
local buffer = sys.buffer(4)
local status
local latest, last = 0, now()
while true do
	local ended = sys.call(WAIT4, -1, buffer, WNOHANG, nil)
	if ended < 0 then break end
	if ended == child then status = string.unpack("<i4", sys.bytes(buffer, 0, 4)) end
	sys.call(NANOSLEEP, period, nil)
	local at = now()
	latest = math.max(latest, at - last - PERIOD)
	last = at
	if killAfter and at - start >= killAfter then
		assert(sys.call(KILL, -child, SIGKILL) == 0)
		start, killAfter = at, nil
	end
end
print(status, latest, now() - start)

-- Goes through STEPS, the requests of one workload, which benchmarks/wrk.py writes above this with
-- PREFIX, HEADERS, BODIES, SERIAL and STRIDE.
-- Arguments: what every name of this run starts with; where in STEPS to start; for a serial workload,
-- how many names each thread uses before it says "@@finished", 0 for no end.

local threads = {}
local position, count, most, run, created = 0, 0, 0, "", ""
local made = {}

function setup(thread)
  thread:set("number", #threads)
  table.insert(threads, thread)
end

function init(args)
  run, position, most = args[1], tonumber(args[2]), tonumber(args[3])
  -- Threads of a serial workload start at different requests, each at the first of its kind.
  if SERIAL then position = position + number * STRIDE end
end

local function filled(text, name)
  if not text:find("@", 1, true) then return text end
  text = text:gsub("@N@", function() return name end)
  return (text:gsub("@ID@", function() return created end))
end

function request()
  local index = position % #STEPS + 1
  local step = STEPS[index]
  position = position + 1
  count = count + 1
  if not step.varies then
    made[index] = made[index] or wrk.format(step.method, PREFIX .. step.path, HEADERS[step.token], BODIES[step.body])
    return made[index]
  end
  local name = run .. "-" .. number .. "-" .. math.floor((count - 1) / STRIDE)
  return wrk.format(step.method, PREFIX .. filled(step.path, name), HEADERS[step.token], filled(BODIES[step.body], name))
end

-- Looked at only where the next request needs it: wrk is slower with this function.
local function look(status, headers, body)
  if status == 201 then created = body:match('"id"%s*:%s*"([^"]+)"') or "none" end
  if most > 0 and count >= most * STRIDE then
    wrk.thread:stop()
    io.write("@@finished\n")
    io.flush()
  end
end

if SERIAL then response = look end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '@@{"requests":%d,"microseconds":%d,"bytes":%d,"refused":%d,"broken":%d,"p50_ms":%.4f,"p99_ms":%.4f,"max_ms":%.4f}\n',
    summary.requests, summary.duration, summary.bytes, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000, latency.max / 1000))
end

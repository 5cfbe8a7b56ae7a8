-- What wrk asks for. Arguments: the row's name, how many items the table has, and headers with their values.

local requests = {}
local posted = 0

function init(arguments)
   row = arguments[1]
   math.randomseed(os.time())
   headers = { ["Content-Type"] = "application/json" }
   for n = 3, #arguments, 2 do
      headers[arguments[n]] = arguments[n + 1]
   end
   if row == "json" then
      requests[1] = wrk.format("GET", "/api/bench/json")
   elseif row == "list" then
      requests[1] = wrk.format("GET", "/api/v1/items?limit=50", headers)
   elseif row == "slow" then
      requests[1] = wrk.format("GET", "/api/bench/slow")
   elseif row == "health" then
      requests[1] = wrk.format("GET", "/health/live")
   elseif row == "page" then
      requests[1] = wrk.format("GET", "/items/", headers)
   elseif row == "row" then
      for n = 1, 1000 do
         requests[n] = wrk.format("GET", "/api/v1/items/" .. math.random(arguments[2]), headers)
      end
   end
   started = os.time()
end

function request()
   if row == "create" then
      posted = posted + 1
      local body = string.format('{"name": "Made %d-%d", "description": "Created under load", "quantity": %d}',
         started, posted, posted % 1000)
      return wrk.format("POST", "/api/v1/items", headers, body)
   end
   return requests[math.random(#requests)]
end

function done(summary, latency)
   local errors = summary.errors
   io.write(string.format(
      '{"requests": %d, "seconds": %.6f, "p50_ms": %.3f, "p99_ms": %.3f, "refused": %d, "broken": %d}\n',
      summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
      errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end

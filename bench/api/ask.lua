-- wrk sends the requests of the file WRK_REQUESTS in turn (a line each: method, path, cookie, body, between tabs) and
-- says what came of it as one line of JSON.
local requests, number = {}, 0

function init()
  for line in io.lines(os.getenv("WRK_REQUESTS")) do
    local method, path, cookie, body = line:match("^([^\t]*)\t([^\t]*)\t([^\t]*)\t([^\t]*)$")
    local headers = { Cookie = cookie }
    if body == "" then
      body = nil
    else
      headers["Content-Type"] = "application/json"
    end
    requests[#requests + 1] = wrk.format(method, path, headers, body)
  end
end

function request()
  number = number % #requests + 1
  return requests[number]
end

function done(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  print(string.format('{"requests":%d,"took_us":%d,"failed":%d,"p50_us":%d,"p99_us":%d}',
    summary.requests, summary.duration, failed, latency:percentile(50), latency:percentile(99)))
end

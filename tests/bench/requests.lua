-- SPDX-License-Identifier: GPL-3.0-or-later
-- For wrk: requests from the lines of a file, "path" or "path body", one after the other. Prints one line of JSON at the end.
local method, lines, at = "GET", {}, 0

function init(args)
  method = args[1]
  for line in io.lines(args[2]) do
    local path, body = line:match("^(%S+) (.*)$")
    lines[#lines + 1] = wrk.format(method, path or line, {["Content-Type"] = "application/fhir+json", ["Accept"] = "application/fhir+json"}, body)
  end
end

function request()
  at = at % #lines + 1
  return lines[at]
end

function done(summary, latency)
  local e = summary.errors
  io.write(string.format('\n{"req_s":%.1f,"requests":%d,"bytes":%d,"p50_ms":%.3f,"p99_ms":%.3f,"max_ms":%.1f,"bad":%d}\n',
    summary.requests / (summary.duration / 1e6), summary.requests, summary.bytes, latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    latency.max / 1000, e.status + e.connect + e.read + e.write + e.timeout))
end

using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using VSwitch.Live;

namespace VSwitch.Api;

/// <summary>The API of a running switch: HTTP/JSON on a Unix socket, or on loopback TCP with a bearer token (interface.md section 6).
/// Each subject maps its own routes; README.md beside this file lists them.</summary>
internal static class ApiServer
{
    /// <summary>Maps every route.</summary>
    public static void Map(WebApplication app, SwitchControl control)
    {
        StatusEndpoints.Map(app, control);
        FlowLogEndpoints.Map(app, control);
    }
}

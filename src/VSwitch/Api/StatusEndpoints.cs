using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using VSwitch.Live;

namespace VSwitch.Api;

/// <summary>Is the switch alive, and what is it?</summary>
internal static class StatusEndpoints
{
    public static void Map(IEndpointRouteBuilder routes, SwitchControl control)
    {
        routes.MapGet("/healthz", () => control.Host.Failure == null
            ? Results.Text("ok\n") : Results.Text("a worker failed\n", statusCode: StatusCodes.Status503ServiceUnavailable));
    }
}

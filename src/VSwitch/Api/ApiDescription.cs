using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.OpenApi;

namespace VSwitch.Api;

/// <summary>The OpenAPI document of the API: made of the routes themselves, so that it cannot say anything else than they do.</summary>
internal static class ApiDescription
{
    /// <summary>Name of the document: GET /openapi/v1.json.</summary>
    public const string Name = "v1";

    /// <summary>Lets the application make the document.</summary>
    public static void Add(IServiceCollection services) => services.AddOpenApi(Name, options =>
    {
        options.AddDocumentTransformer((document, _, _) =>
        {
            document.Info = new OpenApiInfo
            {
                Title = "VSwitch",
                Version = StatusEndpoints.ProgramVersion,
                Description = "A running switch: ask it, change it, look inside. Errors are application/problem+json (RFC 9457). " +
                    "On TCP every request needs the bearer token.",
            };
            document.Servers = [];
            var scheme = new OpenApiSecurityScheme { Type = SecuritySchemeType.Http, Scheme = "bearer" };
            (document.Components ??= new OpenApiComponents()).SecuritySchemes = new Dictionary<string, IOpenApiSecurityScheme> { ["bearer"] = scheme };
            return Task.CompletedTask;
        });
        options.AddOperationTransformer((operation, _, _) =>
        {
            // On TCP any route may say it.
            (operation.Responses ??= [])["401"] = new OpenApiResponse { Description = "No or a wrong bearer token (TCP only)." };
            return Task.CompletedTask;
        });
    });
}

using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace VSwitch.Api;

/// <summary>The switch refused a request, or there is none; the message is one line for the user.</summary>
internal sealed class ApiException(string message, int status, string body, Exception? inner = null) : IOException(message, inner)
{
    /// <summary>HTTP status; 0 when there was no answer.</summary>
    public int Status { get; } = status;

    /// <summary>The whole answer, a problem document as a rule.</summary>
    public string Body { get; } = body;
}

/// <summary>A client of a running switch. Every failure is an <see cref="ApiException"/> with the switch's own sentence.</summary>
internal sealed class ApiClient : IDisposable
{
    /// <summary>Its name to the switch, which writes down who changed it.</summary>
    public const string ProductName = "vswitch";

    private static readonly TimeSpan ConnectLimit = TimeSpan.FromSeconds(5);
    private readonly HttpClient _http;

    private ApiClient(ApiAddress address, string? token)
    {
        Address = address;
        var handler = new SocketsHttpHandler { ConnectTimeout = ConnectLimit, UseProxy = false, AllowAutoRedirect = false };
        if (address.SocketPath is string path)
        {
            handler.ConnectCallback = async (_, cancel) =>
            {
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                try
                {
                    await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancel);
                    return new NetworkStream(socket, ownsSocket: true);
                }
                catch
                {
                    socket.Dispose();
                    throw;
                }
            };
        }

        _http = new HttpClient(handler)
        {
            BaseAddress = new Uri(address.SocketPath != null ? "http://localhost" : address.ToString()),
            Timeout = Timeout.InfiniteTimeSpan,
        };
        _http.DefaultRequestHeaders.UserAgent.Add(new ProductInfoHeaderValue(ProductName, StatusEndpoints.ProgramVersion));
        if (token != null)
        {
            _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        }
    }

    /// <summary>Where the switch is.</summary>
    public ApiAddress Address { get; }

    /// <summary>A client of the switch that the options name; it connects with the first request.</summary>
    /// <exception cref="ArgumentException">The options are wrong, or there is no default.</exception>
    /// <exception cref="IOException">The token file cannot be used.</exception>
    public static ApiClient Connect(string? api, string? tokenFile)
    {
        ApiAddress? address = api == null ? ApiAddress.Default() : ApiAddress.Parse(api);
        return address == null
            ? throw new ArgumentException("which switch? There is no XDG_RUNTIME_DIR to look in; say --api unix:PATH")
            : new ApiClient(address, tokenFile == null ? null : ApiToken.Read(tokenFile));
    }

    /// <summary>GET: the answer as it came.</summary>
    /// <param name="path">Path and query, from /.</param>
    /// <param name="cancel">Ends the wait.</param>
    /// <exception cref="ApiException">No switch answers, or it refuses.</exception>
    public string GetText(string path, CancellationToken cancel = default) => Send(HttpMethod.Get, path, cancel: cancel);

    /// <summary>GET: the answer as a document.</summary>
    /// <exception cref="ApiException">No switch answers, or it refuses.</exception>
    public JsonElement Get(string path, CancellationToken cancel = default) => Parse(GetText(path, cancel));

    /// <summary>Any request with an answer that is read whole.</summary>
    /// <param name="method">Method.</param>
    /// <param name="path">Path and query, from /.</param>
    /// <param name="body">Body; null = none.</param>
    /// <param name="contentType">The body's type.</param>
    /// <param name="ifMatch">Revision that must be in force; null = any.</param>
    /// <param name="cancel">Ends the wait.</param>
    /// <exception cref="ApiException">No switch answers, or it refuses.</exception>
    public string Send(
        HttpMethod method, string path, string? body = null, string contentType = "application/json", string? ifMatch = null,
        CancellationToken cancel = default)
    {
        using HttpRequestMessage request = Request(method, path);
        if (body != null)
        {
            request.Content = new StringContent(body, new UTF8Encoding(false), new MediaTypeHeaderValue(contentType, "utf-8"));
        }

        if (ifMatch != null)
        {
            request.Headers.TryAddWithoutValidation("If-Match", ifMatch);
        }

        using HttpResponseMessage response = Exchange(request, HttpCompletionOption.ResponseContentRead, cancel);
        return Read(response, cancel);
    }

    /// <summary>GET: an answer that lasts (a capture, all connections), read as it comes.</summary>
    /// <param name="path">Path and query, from /.</param>
    /// <param name="accept">Content type wanted; null = the route's own.</param>
    /// <param name="cancel">Ends the wait for its begin.</param>
    /// <exception cref="ApiException">No switch answers, or it refuses.</exception>
    public Stream GetStream(string path, string? accept = null, CancellationToken cancel = default)
    {
        using HttpRequestMessage request = Request(HttpMethod.Get, path);
        if (accept != null)
        {
            request.Headers.Accept.ParseAdd(accept);
        }

        HttpResponseMessage response = Exchange(request, HttpCompletionOption.ResponseHeadersRead, cancel);
        return response.Content.ReadAsStream(cancel);
    }

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    private static HttpRequestMessage Request(HttpMethod method, string path) => new(method, new Uri(path, UriKind.Relative));

    private HttpResponseMessage Exchange(HttpRequestMessage request, HttpCompletionOption until, CancellationToken cancel)
    {
        HttpResponseMessage response;
        try
        {
            response = _http.SendAsync(request, until, cancel).GetAwaiter().GetResult();
        }
        catch (HttpRequestException e)
        {
            throw new ApiException(NoAnswer(e), 0, "", e);
        }

        if (response.IsSuccessStatusCode)
        {
            return response;
        }

        using (response)
        {
            string body = Read(response, cancel);
            throw new ApiException(SentenceOf(response, body), (int)response.StatusCode, body);
        }
    }

    private string NoAnswer(HttpRequestException e) => e.InnerException is SocketException { SocketErrorCode: SocketError.AccessDenied }
        ? $"the switch at {Address} belongs to another user; ask as that user, or with sudo"
        : e.HttpRequestError == HttpRequestError.ConnectionError || e.InnerException is SocketException
            ? $"no switch answers at {Address}: is 'vswitch run' running, by this user, with this --api?"
            : $"the switch at {Address} broke off: {e.InnerException?.Message ?? e.Message}";

    private string Read(HttpResponseMessage response, CancellationToken cancel)
    {
        try
        {
            return response.Content.ReadAsStringAsync(cancel).GetAwaiter().GetResult();
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            throw new ApiException($"the switch at {Address} broke off: {e.Message}", 0, "", e);
        }
    }

    /// <summary>The problem's detail and, of a configuration, each error in a line of its own.</summary>
    private string SentenceOf(HttpResponseMessage response, string body)
    {
        if (response.StatusCode == HttpStatusCode.Unauthorized)
        {
            return $"the switch at {Address} does not know this token; give the right one: --token-file FILE";
        }

        try
        {
            var problem = JsonDocument.Parse(body);
            JsonElement root = problem.RootElement;
            string detail = root.TryGetProperty("detail", out JsonElement d) ? d.GetString() ?? "" : "";
            if (root.TryGetProperty("errors", out JsonElement errors) && errors.ValueKind == JsonValueKind.Array && errors.GetArrayLength() > 1)
            {
                detail = string.Join(Environment.NewLine, errors.EnumerateArray().Select(e => $"{e.GetProperty("line")}:{e.GetProperty("column")}: {e.GetProperty("message").GetString()}").Prepend(detail));
            }

            return detail.Length > 0 ? detail : $"the switch answers {(int)response.StatusCode}";
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            return $"the switch at {Address} answers {(int)response.StatusCode} {response.ReasonPhrase}";
        }
    }

    private JsonElement Parse(string text)
    {
        try
        {
            using var document = JsonDocument.Parse(text);
            return document.RootElement.Clone();
        }
        catch (JsonException e)
        {
            throw new ApiException($"what answers at {Address} is no switch: {e.Message}", 200, text, e);
        }
    }
}

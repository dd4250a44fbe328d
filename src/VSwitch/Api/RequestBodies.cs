using System.Buffers;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;

namespace VSwitch.Api;

/// <summary>A request's body, whole. Disposed of when it has been read.</summary>
internal sealed class RequestBody : IDisposable
{
    private readonly Action<int> _release;
    private byte[] _buffer;
    private int _length;

    public RequestBody(bool isJson, byte[] buffer, Action<int> release)
    {
        IsJson = isJson;
        _buffer = buffer;
        _release = release;
    }

    /// <summary>True when its Content-Type says that it is JSON; else it is YAML, which JSON is too.</summary>
    public bool IsJson { get; }

    /// <summary>The text.</summary>
    public ReadOnlySpan<byte> Utf8 => _buffer.AsSpan(0, _length);

    /// <summary>Room for more.</summary>
    public Memory<byte> Free => _buffer.AsMemory(_length);

    /// <summary>Bytes so far.</summary>
    public int Length => _length;

    /// <summary>Bytes that it holds of memory.</summary>
    public int Capacity => _buffer.Length;

    /// <summary>So many bytes more have come.</summary>
    public void Advance(int count) => _length += count;

    /// <summary>Moves to a larger buffer.</summary>
    public void Grow(byte[] larger)
    {
        Utf8.CopyTo(larger);
        ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = larger;
    }

    public void Dispose()
    {
        _release(_buffer.Length);
        ArrayPool<byte>.Shared.Return(_buffer);
        (_buffer, _length) = ([], 0);
    }
}

/// <summary>Reads bodies of YAML or JSON into memory that all requests share: whoever sends much or slowly holds little.</summary>
internal sealed class RequestBodies
{
    /// <summary>Bytes of a body that is one thing: a group with all the rules that it may have.</summary>
    public const int MostBytesOfPart = 16 << 20;

    /// <summary>Bytes of a body that is a configuration.</summary>
    public const int MostBytesOfConfig = 64 << 20;

    private const int FirstBytes = 16 << 10;
    private const long MostBytesTogether = 256 << 20;
    private long _held;

    /// <summary>Reads the body.</summary>
    /// <param name="context">The request.</param>
    /// <param name="mostBytes">How large it may be.</param>
    /// <exception cref="ProblemException">400, 413, 415 or 503.</exception>
    public async Task<RequestBody> ReadAsync(HttpContext context, int mostBytes)
    {
        HttpRequest request = context.Request;
        bool isJson = IsJson(request);
        if (request.ContentLength > mostBytes)
        {
            throw TooLarge(mostBytes);
        }

        var body = new RequestBody(isJson, Rent(FirstBytes, alreadyHeld: 0), held => Interlocked.Add(ref _held, -held));
        try
        {
            while (await request.Body.ReadAsync(body.Free, context.RequestAborted) is > 0 and int count)
            {
                body.Advance(count);
                if (body.Length > mostBytes)
                {
                    throw TooLarge(mostBytes);
                }

                if (body.Free.Length == 0)
                {
                    body.Grow(Rent(2 * body.Capacity, body.Capacity));
                }
            }

            return body.Length > 0 ? body : throw new ProblemException(Problems.BadRequest("the body is empty"));
        }
        catch
        {
            body.Dispose();
            throw;
        }
    }

    private static ProblemException TooLarge(int mostBytes) => new(Problems.Of(
        StatusCodes.Status413PayloadTooLarge, $"the body has more than {mostBytes >> 20} MiB, which is more than is taken here"));

    /// <summary>A body without a type is taken as YAML: <c>curl -T</c> sends none.</summary>
    private static bool IsJson(HttpRequest request)
    {
        if (string.IsNullOrEmpty(request.ContentType))
        {
            return false;
        }

        if (MediaTypeHeaderValue.TryParse(request.ContentType, out MediaTypeHeaderValue? type) &&
            (!type.Charset.HasValue || type.Charset.Equals("utf-8", StringComparison.OrdinalIgnoreCase)))
        {
            if (type.SubType.Equals("json", StringComparison.OrdinalIgnoreCase) || type.Suffix.Equals("json", StringComparison.OrdinalIgnoreCase))
            {
                return true;
            }

            if (type.SubType.Equals("yaml", StringComparison.OrdinalIgnoreCase) || type.SubType.Equals("x-yaml", StringComparison.OrdinalIgnoreCase) ||
                type.Suffix.Equals("yaml", StringComparison.OrdinalIgnoreCase))
            {
                return false;
            }
        }

        throw new ProblemException(Problems.UnsupportedMediaType(
            $"'{request.ContentType}' is not taken here; send application/json or application/yaml, in UTF-8"));
    }

    private byte[] Rent(int bytes, int alreadyHeld)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(bytes);
        if (Interlocked.Add(ref _held, buffer.Length - alreadyHeld) <= MostBytesTogether)
        {
            return buffer;
        }

        Interlocked.Add(ref _held, alreadyHeld - buffer.Length);
        ArrayPool<byte>.Shared.Return(buffer);
        throw new ProblemException(Problems.Unavailable("too many large requests are under way; try again"));
    }
}

using System.Net.Sockets;
using VSwitch.Api;
using Xunit;

namespace VSwitch.Tests.Api;

/// <summary>The API's socket file: who may use it, and what may be there already.</summary>
public sealed class ApiListenerTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("vswitch-listen-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void The_socket_and_a_folder_made_for_it_are_the_owners_alone_and_the_socket_goes_at_the_end()
    {
        ApiAddress address = At("new/folder/a.sock");
        using (var listener = ApiListener.Open(address, null))
        {
            if (!OperatingSystem.IsWindows())
            {
                Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(address.SocketPath!));
                const UnixFileMode OwnFolder = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
                Assert.Equal(OwnFolder, File.GetUnixFileMode(Path.GetDirectoryName(address.SocketPath)!));
            }
        }

        Assert.False(Path.Exists(address.SocketPath));
    }

    [Fact]
    public void A_dead_processs_socket_is_replaced()
    {
        ApiAddress address = At("a.sock");
        using (var dead = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified))
        {
            // Under another name, so that closing it does not remove it.
            dead.Bind(new UnixDomainSocketEndPoint(address.SocketPath + ".dead"));
            File.Move(address.SocketPath + ".dead", address.SocketPath!);
        }

        using (ApiListener.Open(address, null))
        {
            using var probe = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            probe.Connect(new UnixDomainSocketEndPoint(address.SocketPath!));
            Assert.True(probe.Connected);
        }
    }

    [Fact]
    public void A_living_switchs_socket_is_left_alone()
    {
        ApiAddress address = At("a.sock");
        using var first = ApiListener.Open(address, null);
        var refusal = Assert.Throws<IOException>(() => ApiListener.Open(address, null));
        Assert.Contains($"another switch answers at {address}", refusal.Message, StringComparison.Ordinal);
        Assert.True(Path.Exists(address.SocketPath));
    }

    [Fact]
    public void What_is_no_socket_is_left_alone()
    {
        File.WriteAllText(Path.Combine(_folder, "file"), "precious");
        Assert.Contains("is no socket", Assert.Throws<IOException>(() => ApiListener.Open(At("file"), null)).Message, StringComparison.Ordinal);
        Assert.Equal("precious", File.ReadAllText(Path.Combine(_folder, "file")));
        Directory.CreateDirectory(Path.Combine(_folder, "folder"));
        Assert.Contains("is no socket", Assert.Throws<IOException>(() => ApiListener.Open(At("folder"), null)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_place_that_cannot_be_had_is_named()
    {
        string where = "unix:/proc/none/a.sock";
        Assert.ThrowsAny<IOException>(() => ApiListener.Open(ApiAddress.Parse(where), null));
        using var taken = ApiListener.Open(At("a.sock"), null);
        Assert.Throws<ArgumentException>(() => ApiListener.Open(ApiAddress.Parse("http://127.0.0.1:1"), null));
        Assert.Throws<ArgumentException>(() => ApiListener.Open(At("b.sock"), "token"));
    }

    private ApiAddress At(string name) => ApiAddress.Parse($"unix:{_folder}/{name}");
}

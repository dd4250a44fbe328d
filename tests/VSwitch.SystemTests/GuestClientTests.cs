using System.Globalization;
using VSwitch.Lab;
using Xunit;

namespace VSwitch.SystemTests;

/// <summary>A guest with nothing configured comes up with stock clients: udhcpc and dhclient over IPv4, dhclient and the
/// kernel's own router discovery over IPv6. tshark finds nothing wrong in what they were told.</summary>
public sealed class GuestClientTests
{
    [RootFact("udhcpc", "ping", "tcpdump", "tshark")]
    public void Udhcpc_brings_up_an_interface_and_renews_and_releases_its_lease()
    {
        using var guest = new GuestFixture();
        GuestProcess capture = Capture(guest);
        GuestProcess client = guest.Start(
            "udhcpc", "-f", "-a", "-i", GuestFixture.Tap, "-s", guest.ScriptPath, "-t", "5", "-T", "2", "-R",
            "-O", "mtu", "-O", "ntpsrv", "-O", "hostname");
        Dictionary<string, string> told = guest.WaitForCall("bound", client);
        Assert.Equal(
            ("10.0.1.10", "25", "10.0.1.1", "600", "10.0.1.1"),
            (told["ip"], told["mask"], told["router"], told["lease"], told["serverid"]));
        Assert.Equal(
            ("10.0.2.10", "lab.example", "1400", "10.0.2.10", "vm1"),
            (told["dns"], told["domain"], told["mtu"], told["ntpsrv"], told["hostname"]));
        AssertUp4(guest);

        // Renewing is a unicast to the server from the leased address; so is the release at the end.
        LabProcess.Ip("netns", "exec", "vsd-guest", "kill", "-USR1", Pid(client));
        Assert.Equal("10.0.1.10", guest.WaitForCall("renew", client)["ip"]);
        LabProcess.Ip("netns", "exec", "vsd-guest", "kill", "-TERM", Pid(client));
        Assert.True(client.Process.WaitForExit(10_000), client.Said);
        AssertWellFormed(guest, capture, "dhcp", "2,5,5");
    }

    [RootFact("dhclient", "ping", "tcpdump", "tshark")]
    public void Dhclient_brings_up_an_interface_over_IPv4()
    {
        using var guest = new GuestFixture();
        GuestProcess capture = Capture(guest);
        GuestProcess client = StartDhclient(guest, "-4");
        Dictionary<string, string> told = guest.WaitForCall("BOUND", client);
        Assert.Equal(
            ("10.0.1.10", "255.255.255.128", "10.0.1.1", "10.0.1.1"),
            (told["new_ip_address"], told["new_subnet_mask"], told["new_routers"], told["new_dhcp_server_identifier"]));
        Assert.Equal(
            ("10.0.2.10", "lab.example", "1400", "10.0.2.10", "vm1"),
            (told["new_domain_name_servers"], told["new_domain_name"], told["new_interface_mtu"], told["new_ntp_servers"], told["new_host_name"]));
        Assert.Equal(("300", "525"), (told["new_dhcp_renewal_time"], told["new_dhcp_rebinding_time"]));
        AssertUp4(guest);
        AssertWellFormed(guest, capture, "dhcp", "2,5");
    }

    [RootFact("dhclient", "ping", "tcpdump", "tshark")]
    public void Dhclient_and_the_kernel_bring_up_an_interface_over_IPv6()
    {
        using var guest = new GuestFixture();
        GuestProcess capture = Capture(guest);
        GuestProcess client = StartDhclient(guest, "-6");
        Dictionary<string, string> told = guest.WaitForCall("BOUND6", client, calls: 2);
        Assert.Equal("fd00:a:0:2::10", told["new_dhcp6_name_servers"]);
        Assert.Equal("lab.example", told["new_dhcp6_domain_search"].TrimEnd('.'));
        Assert.Equal(("600", "600"), (told["new_max_life"], told["new_preferred_life"]));
        bool isUsable = SpinWait.SpinUntil(
            () => guest.Run("ip", "-6", "-o", "addr", "show", "dev", GuestFixture.Tap, "scope", "global", "-tentative").Output
                .Split('\n').Count(l => l.Contains("fd00:a:0:1::1", StringComparison.Ordinal)) == 2,
            TimeSpan.FromSeconds(20));
        string addresses = guest.Run("ip", "-6", "addr", "show", "dev", GuestFixture.Tap).Output;
        Assert.True(isUsable, addresses);
        Assert.Contains("fd00:a:0:1::10/", addresses, StringComparison.Ordinal);
        Assert.Contains("fd00:a:0:1::11/", addresses, StringComparison.Ordinal);
        Assert.DoesNotContain("fd00:a:0:1:0:ff", addresses, StringComparison.Ordinal);

        string route = "";
        bool hasRoute = SpinWait.SpinUntil(
            () => (route = guest.Run("ip", "-6", "route", "show", "default").Output).Length > 0, TimeSpan.FromSeconds(20));
        Assert.True(hasRoute, "the kernel has heard of its router");
        Assert.Contains("via fe80::76:73ff:fe00:1 dev vsd-g proto ra", route, StringComparison.Ordinal);
        Assert.Contains("mtu 1400", route, StringComparison.Ordinal);
        Assert.Contains("fd00:a:0:1::/64", guest.Run("ip", "-6", "route").Output, StringComparison.Ordinal);
        Ping(guest, "-6", "fd00:a:0:2::10");
        Ping(guest, "-6", "fd00:a:0:1::1");
        AssertWellFormed(guest, capture, "dhcpv6", "2,7");
    }

    private static GuestProcess Capture(GuestFixture guest)
    {
        LabProcess.Ip("-n", "vsd-guest", "link", "set", "dev", GuestFixture.Tap, "up");
        GuestProcess capture = guest.Start("tcpdump", "-i", GuestFixture.Tap, "-U", "--immediate-mode", "-Z", "root", "-w", guest.PathOf("guest.pcap"));
        capture.WaitFor("listening on");
        return capture;
    }

    private static GuestProcess StartDhclient(GuestFixture guest, string family)
    {
        File.WriteAllText(guest.PathOf("dhclient.conf"), """
            request subnet-mask, routers, interface-mtu, domain-name, domain-name-servers, ntp-servers, host-name,
                dhcp6.name-servers, dhcp6.domain-search, dhcp6.sntp-servers;
            """);
        return guest.Start(
            "dhclient", family, "-d", "-v", "-1", "-sf", guest.ScriptPath, "-cf", guest.PathOf("dhclient.conf"),
            "-lf", guest.PathOf("leases"), "-pf", guest.PathOf("pid"), GuestFixture.Tap);
    }

    private static void AssertUp4(GuestFixture guest)
    {
        Assert.Contains("inet 10.0.1.10/25 ", guest.Run("ip", "-4", "addr", "show", "dev", GuestFixture.Tap).Output, StringComparison.Ordinal);
        Assert.StartsWith("default via 10.0.1.1 dev vsd-g", guest.Run("ip", "-4", "route", "show", "default").Output, StringComparison.Ordinal);
        Assert.Contains(" mtu 1400 ", guest.Run("ip", "link", "show", "dev", GuestFixture.Tap).Output, StringComparison.Ordinal);
        Ping(guest, "-4", "10.0.1.1");
        Ping(guest, "-4", "10.0.2.10");
    }

    private static void Ping(GuestFixture guest, string family, string target)
    {
        (int exit, string output) = guest.Run("ping", family, "-c", "2", "-i", "0.2", "-W", "2", target);
        Assert.True(exit == 0, output);
    }

    /// <summary>What the switch said is what tshark understands: message types in order, nothing malformed, checksums right.</summary>
    private static void AssertWellFormed(GuestFixture guest, GuestProcess capture, string protocol, string types)
    {
        LabProcess.Ip("netns", "exec", "vsd-guest", "kill", "-INT", Pid(capture));
        Assert.True(capture.Process.WaitForExit(10_000), capture.Said);
        string file = guest.PathOf("guest.pcap");
        string field = protocol == "dhcp" ? "dhcp.option.dhcp" : "dhcpv6.msgtype";
        string seen = Tshark(guest, "-r", file, "-Y", $"eth.src == {GuestFixture.GatewayMac} && {protocol}", "-T", "fields", "-e", field);

        // A client that is in a hurry asks twice and is answered twice.
        string pattern = string.Join(',', types.Split(',').Select(type => $"{type}(,{type})*"));
        Assert.Matches($"^{pattern}$", string.Join(',', seen.Split('\n', StringSplitOptions.RemoveEmptyEntries)));
        string wrong = Tshark(
            guest, "-r", file, "-o", "udp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE", "-Y",
            $"eth.src == {GuestFixture.GatewayMac} && (_ws.malformed || _ws.expert.severity >= \"Warning\" || ip.checksum.status == 0 || udp.checksum.status == 0 || icmpv6.checksum.status == 0)");
        Assert.Equal("", wrong);
        if (protocol == "dhcpv6")
        {
            Assert.NotEqual("", Tshark(guest, "-r", file, "-Y", $"eth.src == {GuestFixture.GatewayMac} && icmpv6.type == 134"));
        }
    }

    private static string Tshark(GuestFixture guest, params string[] arguments)
    {
        // Standard error has only remarks on who runs it.
        (int exit, string output) = guest.Run(["sh", "-c", "exec tshark \"$@\" 2>\"$0\"", guest.PathOf("tshark.log"), .. arguments]);
        Assert.True(exit == 0, output + File.ReadAllText(guest.PathOf("tshark.log")));
        return output.Trim();
    }

    private static string Pid(GuestProcess process) => process.Process.Id.ToString(CultureInfo.InvariantCulture);
}

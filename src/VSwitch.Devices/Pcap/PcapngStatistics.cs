namespace VSwitch.Devices.Pcap;

/// <summary>What happened to the packets of an interface by some time (draft-ietf-opsawg-pcapng section 4.6, interface statistics block).
/// </summary>
/// <param name="Received">isb_ifrecv: packets that were meant to be captured.</param>
/// <param name="DroppedAtInterface">isb_ifdrop: of them, passed over where they were seen.</param>
/// <param name="DroppedBySystem">isb_osdrop: of them, lost on the way to the file.</param>
/// <param name="Delivered">isb_usrdeliv: of them, in the file.</param>
public readonly record struct PcapngStatistics(long Received, long DroppedAtInterface, long DroppedBySystem, long Delivered)
{
    /// <summary>Packets that were meant to be captured and are not in the file.</summary>
    public long Lost => DroppedAtInterface + DroppedBySystem;
}

/// <summary>Who wrote a section.</summary>
/// <param name="Hardware">shb_hardware.</param>
/// <param name="System">shb_os.</param>
/// <param name="Application">shb_userappl.</param>
public sealed record PcapngOrigin(string Hardware, string System, string Application);
